"""The search for a row-stationary mapping: all legal m, n, e, f, p, q, r and t, and the folds that follow from them.

``strips``    what cutting rows and columns into pieces comes to
``options``   compiled: choices for channels, and choices that others make pointless
``rates``     what a word moved costs
``channel``   how operands use the DRAM channel
``costs``     compiled: lower bounds of energy, cycles and off-chip traffic
``passes``    compiled: cycles of the array's passes
``transfers`` compiled: transfers over the channel, and waits for them that are certain
``timeline``  compiled: all cycles of one mapping, step by step
``branches``  compiled: branch and bound over all mappings
``inputs``    what the compiled bounds take, from a layer and its machine
``exact``     what the compiled timeline takes
``space``     the mappings of a layer, as the best-first search takes them
``mapper``    the search
``limits``    what keeps its result from being better
"""

from accsim.mapping.search.row_stationary.limits import Binding, binding
from accsim.mapping.search.row_stationary.mapper import search

__all__ = ["Binding", "binding", "search"]
