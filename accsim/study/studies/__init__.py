"""What each study draws and tells; see ``accsim.study``."""
