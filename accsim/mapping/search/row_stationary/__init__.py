"""The search for a row-stationary mapping: all legal m, n, e, f, p, q, r and t, and the folds that follow from them.

``strips``    what cutting rows and columns into pieces comes to
``options``   compiled: choices for channels, and choices that others make pointless
``rates``     what a word moved costs
``costs``     compiled: lower bounds of energy, cycles and off-chip traffic
``branches``  compiled: branch and bound over all mappings
``space``     the mappings of a layer, as the best-first search takes them
``mapper``    the search
"""

from accsim.mapping.search.row_stationary.mapper import search

__all__ = ["search"]
