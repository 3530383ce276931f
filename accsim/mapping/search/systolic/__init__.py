"""The search for a systolic mapping: tile sizes, loop order, and the depth at which each buffer holds each operand.

The space. Each of N, G, M, C, P and Q is cut at most once; the loops over tiles come in any order; every shared buffer
holds every operand it may hold at any depth, an inner buffer no larger a tile than the one outside it. Of loop orders
that hold the same tiles, only those that move the fewest words are looked at.

``sizes``   tile sizes worth trying, and why the others are not
``holds``   what loop orders and depths come down to: which dimensions are cut in a held tile, which loops repeat it
``terms``   what a word, a transfer and a cycle cost, as linear terms
``arrays``  a dataflow on an array as the arrays that compiled code takes
``tables``  a layer on a machine, likewise
``folds``   compiled: how tiles fall into folds of the array
``flows``   compiled: the words at the array and in it, and the edges its folds take
``tiles``   compiled: the words of held tiles, and whether they fit
``waits``   compiled: cycles, from those of array and channel
``heap``    compiled: the best candidates so far
``figures``  compiled: the figures of one hold
``score``   compiled: bounds of every candidate
``listed``  compiled: bounds of mappings that are listed one by one
``space``   the candidates: all, those that cut one or two dimensions alone, those that a designer would try first
``scan``    scores a space piece by piece
``quick``   a few tile sizes only, for sweeps
``neighbours``  steps from a mapping to what is alike and better: those that can be by their bounds, by exact costs
``mapper``  the best-first search, which starts from what the simple and the conventional mappings lead to
``limits``  what keeps the best mapping from being better

What is proved. The bounds of words are exact, those of cycles are not. Where every tile size worth trying is scored,
traffic, and energy without leakage, are proved least once no bound left is lower. In all other cases the best that was
found counts, and the result says how much lower the least bound is.
"""

from accsim.mapping.search.systolic.limits import binding
from accsim.mapping.search.systolic.mapper import search
from accsim.mapping.search.systolic.quick import quick_search

__all__ = ["binding", "quick_search", "search"]
