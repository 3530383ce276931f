"""The search for a systolic mapping: tile sizes, loop order, and the depth at which each buffer holds each operand.

The space. Each of N, G, M, C, P and Q is cut at most once; the loops over tiles come in any order; every shared buffer
holds every operand it may hold at any depth, an inner buffer no larger a tile than the one outside it. Of loop orders
that hold the same tiles, only those that move the fewest words are looked at.

``sizes``   tile sizes worth trying, and why the others are not
``holds``   what loop orders and depths come down to: which dimensions are cut in a held tile, which loops repeat it
``terms``   what a word, a transfer and a cycle cost, as linear terms
``tables``  a layer on a machine as the arrays that compiled code takes
``score``   compiled: the flows of every candidate, and from them sound bounds
``mapper``  the best-first search over them
"""

from accsim.mapping.search.systolic.mapper import search

__all__ = ["search"]
