"""Sweeps: a design space, the runner that estimates its points, the store that keeps them, and searches over them.

A point is what one ``accsim run`` is given (``settings``). A space is a file of points (``space``), each with a key for
all that determines its result (``fingerprint``). Workers estimate them (``evaluate``), in processes or on a
cluster (``executors``); the runner hands points out and writes what comes back (``runner``) into one SQLite file
(``store``).
"""
