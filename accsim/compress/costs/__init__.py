"""Cost models only: what methods cost that are not carried out on weights here.

Each function gives the exact shapes, sizes and operations of one method as a :class:`~accsim.compress.costs.cost.Cost`,
with its formula and source. Nothing is decomposed, trained or searched, so nothing is said about errors.
"""
