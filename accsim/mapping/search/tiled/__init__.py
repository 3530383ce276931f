"""The search for tiles of machines that run one tile after the other: sizes, loop order, and what buffers hold.

The space is that of the systolic search, with each dimension of the dataflow's ``cut`` cut at most once. It is not
scored as a whole: candidates are the largest tiles that fit, halved from the whole dimension down, in a few loop
orders; the best few by off-chip words are improved from neighbour to neighbour by exact costs. Nothing is proved.
"""

from accsim.mapping.search.tiled.mapper import search

__all__ = ["search"]
