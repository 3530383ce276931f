"""Cases: one module per set of published figures; see ``accsim.fidelity``."""
