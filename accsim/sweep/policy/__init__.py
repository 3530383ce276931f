"""A compression policy: bits and density of every layer's weights, so that a budget is met and little is lost.

The problem is that of AMC (He et al., ECCV 2018), energy-aware pruning (Yang et al., CVPR 2017) and constraint-aware
compression (Chen et al., ECCV 2018), as a choice for each layer: every choice has a cost (stored bits, energy, time)
and a loss. Both add up over layers, and the sum of losses is to be least with the sum of costs within the budget.

``choices``  what a layer's weights cost and lose at each number of bits and each density
``costs``    what stands for size, energy and time
``solve``    the exact solver and the greedy one
``cooling``  budgets that are tightened step by step, for a training between the steps
``find``     the whole way, from a network to a recipe
"""
