"""Machines whose time follows the zeros of their operands.

Every machine has three forms here. *Counted*: compiled code walks masks of a layer's operands and adds up cycles,
multiplies and idle slots without advancing the machine. *Stepped*: compiled code advances queues, multipliers and
accumulator banks cycle by cycle with real words, and what comes out are the layer's sums. Both give the same
:class:`~accsim.simulate.sparse.count.SparseCount`. *Expected*: from densities alone, when there are no values.

========================  ==========================================================================================
:mod:`.scnn`              Cartesian products of compressed ifmaps and weights (Parashar et al., ISCA 2017)
:mod:`.eyeriss_v2`        CSC on both sides in row-stationary PEs, and their clusters (Chen et al., JETCAS 2019)
:mod:`.eie`               compressed weights times sparse vectors, with work queues (Han et al., ISCA 2016)
:mod:`.cnvlutin`          lanes that skip zero activations (Albericio et al., ISCA 2016)
:mod:`.sparten`           bitmasks of both operands matched in chunks (Gondimalla et al., MICRO 2019)
:mod:`.n_m`               weights with at most N words in each block of M
========================  ==========================================================================================
"""
