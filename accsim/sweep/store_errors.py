"""What goes wrong with the file of a store, in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from accsim.errors import AccsimError


def damaged(path: str, said: str) -> str:
    """That a store is damaged, and what can be done."""
    return (
        f"{path}: the store is damaged ({said}); nothing was changed. 'sqlite3 {path} .recover' can save rows into "
        "a new file; a sweep with another --store begins afresh"
    )


@contextmanager
def clearly(path: str) -> Iterator[None]:
    """A context in which what goes wrong with a store's file is an ``AccsimError`` in words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        said = str(error)
        if "full" in said:
            said = "the disk is full; what was written before is kept, and the same command goes on from there"
        elif "readonly" in said or "unable to open" in said:
            said = (
                "cannot be written: it, or its folder, is read-only"
                if os.path.exists(path)
                else f"cannot be opened: {said}"
            )
        elif "locked" in said:
            said = "is locked by another process"
        elif "disk I/O" in said:
            said = "cannot be read or written (the disk is full or fails); what was written before is kept"
        raise AccsimError(f"{path}: {said}") from None
    except sqlite3.DatabaseError as error:
        said = str(error)
        if "not a database" in said:
            raise AccsimError(
                f"{path}: is not a store of accsim sweep, or it is damaged; nothing was changed"
            ) from None
        raise AccsimError(damaged(path, said)) from None
