"""The systolic array, stepped: real words through every register, one clock edge after the other.

What is latched on which edge (one PE; everything drawn with an arrow is a register)::

              load (top edge)      psum in (chain: zero at the top)
                   |                    |
                   v                    v
                +--+--+            +----+----+
      x hops    |load |--first---->|  held   |     x, y   streaming operands: the word a PE works with on edge c is in
     -------->[x]     |  word of   +----+----+            its register after edge c
                +--+--+  a group        |          load   stationary word on its way in, or waiting
                   |                  x * held     held   stationary word in use: taken from load on the edge of the
                   v                    |                 PE's first MAC with it
              load below            + psum above   psum   sum on its way down the chain; sum that grows in the PE;
                                        |                 product on its way into the adder tree
                                        v          leaving  complete sum on its way out of the array (in-PE sums)
                                      [psum]

PE(i, j) does step t of a fold on the fold's edge t + i * row_skew + j * col_skew, because its words and sums come from
its neighbours' registers, one edge away. Where nothing is handed on along an axis, the skew is 0.

* ``feeds``: words and valid bits enter at the array's edge. A shift register is a run of memory whose base moves.
* ``sweeps``: compiled folds. Lines of PEs are swept over a block of edges before the next line is, which no register
  can tell: what a line needs comes from itself and the line before it. A MAC is counted where a valid bit is.
* ``edge``: the controller at the array's edge, ticked cycle by cycle: when a fold may load, stream and leave, and which
  port the array waits for. An edge is one of compute where a valid bit is in the array. ``control`` hands it the folds.
* ``recorder``: dumps. The folds under way are run again up to the edge asked for, by the same compiled code.

The timing picture of whole folds is in ``accsim.simulate.systolic``, which the stepped array must and does equal.
"""

from accsim.simulate.stepped.systolic.machine import SteppedSystolic

__all__ = ["SteppedSystolic"]
