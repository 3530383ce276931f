"""Machines that run a layer tile by tile, each family in its own way.

What they share is the pipeline around them: a mapping of loops over tiles (``mapping.mapping.TiledMapping``), the way
of tiles through DRAM and buffers (``simulate.storage``), the timeline of tiles, and prices. What a family adds is what
its array does with one tile (``run.TileArray``), counted from shapes or from values; its machine, stepped; and its
entry in ``families.FAMILIES``.

``run``       what an array reports of a tile
``families``  the families there are
``count``     a layer on such an array: every cycle and every word
``idle``      slots without a MAC, of all cycles
``walked``    the makespan of tiles that all differ, because values decide how long they take
"""
