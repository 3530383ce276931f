"""``python -m accsim``: the command line without the installed script."""

from accsim.cli import main

raise SystemExit(main())
