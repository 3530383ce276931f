"""Energy and off-chip traffic as linear functions of the words a layer moves, for bounds of what mappings cost.

Counters are proportional to words, and prices to counters. So made-up amounts of words are recorded and priced by the
code that every result goes through, and differences of these prices are what a word of each kind costs.

``row_stationary``  the rates of a row-stationary layer
``systolic``        the terms of a layer on a systolic array
``channel``         bits over the DRAM channel
``moves``           how the operands of a row-stationary layer use the DRAM channel
"""
