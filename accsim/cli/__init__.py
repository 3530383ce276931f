"""The command line ``accsim``: one module per command, and the few they share."""

from accsim.cli.dispatch import COMMANDS, main

__all__ = ["COMMANDS", "main"]
