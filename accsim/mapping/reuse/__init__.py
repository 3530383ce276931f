"""Reuse dataflows: how often words move between the levels of a spatial array, and the tiling that moves them cheapest.

Chen, Emer and Sze (ISCA 2016, section VI) compare dataflows by how a layer's reuse is split over four levels: DRAM,
global buffer, the array's network and the PEs' register files. This package derives that split from the loop nest,
for any dataflow that says which loops run where:

* ``dataflow``: what a dataflow file says; ``schema`` and ``rules``: how it is read;
* ``machine``: PEs, register files and buffer in words, and what an access costs;
* ``tiling``: the size of every loop at every level;
* ``options``: every size worth trying; ``kernel``: words moved by a tiling in closed form, compiled; ``sweep``: the
  search over all tilings, compiled;
* ``counts``: what was found, in words and as the reuse factors a, b, c and d of equations 3 and 4;
* ``search``: a layer in, the cheapest tiling out, or what does not fit (``misfit``).
"""
