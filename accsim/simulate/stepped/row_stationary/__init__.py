r"""The row-stationary array, stepped: every PE's program, every word on its networks, on every edge.

The array (Chen et al., JSSC 2017, sections IV and V; ISCA 2016, section V)
---------------------------------------------------------------------------
A set of R x e PEs makes e rows of an output: PE (i, j) of a set holds filter row i and adds to output row j. r sets on
different channels stand on top of each other, t sets work on different filters::

                          filter network: row i of every set takes one filter row (multicast along the row)
                               |
      psum network out <- PE(0,0) PE(0,1) PE(0,2)     set b = 0       ^ sums go up one PE per edge
                          PE(1,0) PE(1,1) PE(1,2)                     |
                          PE(2,0) PE(2,1) PE(2,2)                     |
                          PE(0,0) ...                 set b = 1       |
                          PE(1,0)       \ ifmap row U*j + D*i: PEs on a diagonal take the same words (multicast)
                          PE(2,0) ...                                 |
                             ^                                        |
      psum network in -------+                        the bottom of the chain

Where a set (a, b) of filter block a and channel block b stands: a set wider than the array is cut into strips of
``cols`` columns, ``strips = ceil(e / cols)``; ``height`` is the number of filter rows of the longest run and
``stacked = rows // height``. Strip g of the set is number ``v = (a * strips + g) * r + b``; PE (i, j) of it is at row
``(v % stacked) * height + i``, column ``(v // stacked) * e + j - g * cols``. (Where r does not divide ``stacked``, a
chain goes on at the bottom of the next ``e`` columns; the mapping rules allow it, and a hop is a hop.)

One PE
------
::

      ifmap FIFO -> ifmap_window [q][span] --x--+
                                                +--> x --> product --> + --> psum_spad [p] --> to the PE above
      filter FIFO -> filter_spad [q][taps][p] --+         (pipeline)   ^
                                             sum of the PE below (or of the psum network)

The program of one pass, in steps of one edge. All PEs run the program of the fullest one in lockstep; a PE with fewer
filters or channels idles where it has none::

      for each ifmap n of the pass:
        for each output column c:
          shift   for each channel: its new words, ``window_shift_cycles`` steps each; a word enters the window on the
                  last of them. New are ``span`` words in the first column of a row and ``min(U, span)`` in the others.
                  With ``window_shift_cycles`` 0 all enter on the edge of the column's first MAC.
          MAC     for each channel, for each tap, for each filter: one step, filter fastest
          add     for each filter: ``psum_add_cycles`` steps; on the last one the sum from below is added. With
                  ``psum_add_cycles`` 0 it is added together with the filter's last product.

The first product of a filter in a column starts its sum: the psum spad is written, not read and written back. A row of
``f`` columns has ``span + (f - 1) * min(U, span)`` words per channel; a stride above the window's span skips pixels.

The pipeline has D = ``pipeline_stages`` stages, of which the first reads the operands and the last one writes the
psum spad. A PE that runs step s on tick k has its words in the window and in the filter spad right after tick k, and
psum_spad changed right after tick k + D - 1.

Ticks, skew and bursts
----------------------
A *tick* is an edge on which the array's clock is enabled; on all others every PE register holds still. A *burst* is the
passes of one output tile, one after the other. The controller issues a step on a tick, the steps of a pass on one tick
after the other; in front of a pass there may be ticks without a step. A PE runs a step ``skew`` ticks later::

      skew of PE (i, j) of set b = (B - 1 - b) * height + (height - 1 - i)

where B and height are the sets and the filter rows of the burst's *first* pass, whose chain is the longest (0 for the
bottom PE). So a sum from below was finished at least one tick before it is added. After the last step the clock stays
enabled until the top PE (0, j) of set 0 has written its last sum: B * height - 1 + D - 1 ticks more (drain).

The edges of a burst, in order::

      fill      the first window (first ifmap, every channel of the first pass) on the ifmap network
      then for each pass
        fill    filter words, if the pass brings new ones, until those left need no more edges than the first column
        drain   until the sums that come back for the pass will be in time
        steps   one per tick; an edge on which a network or port is behind is a stall
      drain     as above

On the edges in front of a pass the clock is enabled without a step, so that what is under way goes on; in front of the
first pass of a burst nothing is.

Networks
--------
A network moves one transaction of ``width_bits`` per edge; words are packed. It works by a fixed schedule: the pass's X
transactions are spread evenly over its C steps, and the array's clock is enabled for step s only if ``ceil((s + 1) * X
/ C)`` transactions have been on every network and port, the one of this edge included. So a network with X <= C never
holds the array. A network may be one step ahead of this pace: it moves something on every edge on which it has moved
less than the next step needs. A stall is named after the network with the most transactions. A slot for which there is
no word stays empty. Ports of the buffer next to the array are paced in the same way; they move bits of all their
operands.

* ifmap: words in the order (pass, n, c, channel in the PE, word, set b, ifmap row). Every PE has a FIFO, which the
  fill fills with the first window of the burst, and in every pass as many words come as PEs take: so the network
  stays ahead of the bottom PEs by the words of the burst's first window, or by those that are left of the burst. (All
  other windows of a burst are no larger; the last passes of a burst leave slots empty.) The FIFO of a PE holds that,
  what comes in two steps, and what comes in as many ticks as its skew. A PE takes a word on the edge it arrives at
  the earliest; that no word is late for a column, and that the FIFO of a bottom PE has room for all, is checked on
  every step.
* filter: words in the order of use (channel in the PE, tap, filter in the PE, set a, set b, filter row), one load
  after the other. A load of X transactions takes edges that are kept for it, one each: first, with ``pe.filter_load``
  set to ``adjacent_columns``, the steps of the last column of the pass before, with ``spare_words`` those before it
  that fill the places its spads leave empty, too, or with ``whole_pass`` all its steps
  but those of its first column; a pass of one column has no such steps. Then the fill edges, then the steps of the
  pass's first column. That column ends with sums that are added, when its last MAC has long read its word, so the
  network runs ahead of these edges by the fewest edges that bring every word no later than the edge on which its
  first MAC is issued (the same lead for all loads of a layer); the words wait in the PEs' filter FIFOs, and those due
  before the layer's first edge are there when it begins. A word has its place in the filter spad when the last MAC of
  the pass before has read the word it replaces: all columns read the spad in the same order, so that places become
  free in the order in which words come. A word is taken to be in the spad from the edge of its first MAC on.
* psum in: sums that come back, in the order (n, c, filter in the PE, set a, column j), to the bottom PEs. Every pass
  keeps the slots for them, empty where the sums start from zeros. From when the controller comes to a pass the network
  may be one column ahead of its slots; a sum that is not in the buffer yet when its slot comes crosses it later. Words
  are recorded in their slots.
* psum between PEs: a sum is finished at least a tick before the PE above adds it, and waits there in a two-word FIFO.
* psum out: a finished sum leaves the array on the edge on which the top PE writes it and waits in the network's FIFO.
  From the next edge on it crosses the network, and is in the buffer right after the edge on which it does. The FIFO
  holds the last column when the array is done; neither engine waits for it.

Sums that come back
-------------------
A *group* is the sums that leave the array on one tick: of one filter of a PE and one output column, in all columns of
PEs and all sets. When the top PEs write it on edge w, the network out moves it from edge w + 1 on, and when all of it
is in the buffer, from the next edge on, the network in brings it to the bottom PEs, which may add a sum on the edge it
arrives on. Each network moves what waits for it in order, as many bits on an edge as it is wide.

The controller knows on which tick and edge each group was added at the bottom, and from that when it is back at the
latest. It holds a pass, in front of its first step, until each group that the pass adds to will be there when its step
comes to the last stage of the bottom PEs. It reckons in ticks (a network has an edge for every tick; that is given up
if a psum network has more transactions for some pass than the pass has steps) and in edges (each tick of the way up
takes as long as the longest step of the layer, the steps of the pass come at the pace of its slowest network), both of
which are on the safe side, and waits no longer than the shorter one needs. Either takes a network to be busy with
other sums first: after the last tick before the pass for as long as it is after the last step of any pass of the layer,
and the network in for a group longer than the network out. ``sums`` has the code.

A pass is also held where its own sums need the network in longer than its steps allow (because the last of the sets on
different filters has fewer of them, the first groups of a column can be larger than the others), or where the network
still has to bring sums of the pass before, in order: those of a pass on fewer sets or filter rows are added farther up
the chain, and later. They are all there when the last of them is added; from then on the pass's own ones come.

In front of a burst no ticks pass, and the network in is idle. If no burst adds to sums of another one, it may begin on
the edge after the last burst. If some do (the loop over channels lies outside one over output tiles), every burst but
the layer's first is held until the sums of its first pass can come once all that was handed out before is in the
buffer: after the burst's last edge that takes as long as after the last tick of any pass of the layer. What the first
window and filters take goes on meanwhile.

Registers for dumps
-------------------
``Registers`` after an edge, int64; p, q and the longest run of taps are the mapping's. A register is valid where it
holds a word of the pass its PE is at. A PE is at a pass from its first step of it until its first step of the next one,
whether it has work there or not; one that has no work in the first pass of a burst stops on tick 0 of the burst. All
registers of a PE count as invalid from the first step of a pass on, but filters that stay.

Compiled code runs whole columns of a row of PEs at a time where nothing is asked for inside them, and steps
otherwise. Up to a step that is asked for, all registers of its pass are run, sums as they grow, windows and filter
spads word by word as words enter and move. Where nothing is asked for, the words of a window are used where its row of
the ifmap lies.

``ifmap_window`` [rows, cols, q * span]
    Channel ch, word o at ``ch * span + o``, span being that of the pass: a shift register. A new word enters at
    ``span - 1`` and moves the others down by one. On the first step of an ifmap's first column the windows of all
    channels are emptied.
``filter_spad`` [rows, cols, q * taps * p]
    Channel ch, tap s, filter f at ``(ch * taps_s + s) * filters + f``, ``taps_s`` and ``filters`` being those of the
    fullest PE in the pass.
``psum_spad`` [rows, cols, p]
    Word f is the running sum of filter f: a new column's first product replaces it. Valid from its first write in the
    pass; the psum spad is at a pass D - 1 ticks later than the window.
``product`` [rows, cols]
    Only where D >= 2: the shifted and rounded product on its way into the last stage, which is that of the step D - 2
    ticks before; invalid if that step was no MAC of this PE.
"""

from __future__ import annotations

from accsim.simulate.stepped.row_stationary.machine import SteppedRowStationary

__all__ = ["SteppedRowStationary"]
