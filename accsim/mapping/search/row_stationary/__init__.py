"""The search for a row-stationary mapping: all legal m, n, e, f, p, q, r and t, and the folds that follow from them.

``strips``    what cutting rows and columns into pieces comes to
``options``   compiled: choices for channels, and choices that others make pointless
``rates``     what a word moved costs
``costs``     compiled: lower bounds of energy, cycles and off-chip traffic
``branches``  compiled: branch and bound over all mappings
``inputs``    what the compiled code takes, from a layer and its machine
``space``     the mappings of a layer, as the best-first search takes them
``mapper``    the search
``limits``    what keeps its result from being better
"""

from accsim.mapping.search.row_stationary.limits import Binding, binding
from accsim.mapping.search.row_stationary.mapper import search

__all__ = ["Binding", "binding", "search"]
