"""The inner-product tile: filters x windows x lanes, whose products are added in one step.

DianNao's successors are of this class, and most machines whose time follows bits. One PE (row i, column j) with its
lanes, and what is latched on the edge that ends a step::

       ifmap words of window j, one for each lane            held in registers at the top of the column,
          |     |     |     |                                 sent to every row of it
        +-v-+ +-v-+ +-v-+ +-v-+
        | x | | x | | x | | x | <-- weights of filter i, one for each lane, held in registers beside the row,
        +-|-+ +-|-+ +-|-+ +-|-+     sent to every column of it
          +--+--+     +--+--+
             +-----+-----+          adder tree: no register, or pipeline_stages - 1 of them
                   v
               [ accumulator ]      one for each row and column; a serial PE shifts as it adds

A step takes as many edges as the datapath needs for its operands: one for a multiplier, one for each bit or digit of a
serial operand. Every PE of the tile works on the same step, so the longest takes all of them with it. Registers take
the words of a step with its first edge; where nothing changes from one step to the next they hold. A port of a buffer
that cannot deliver the words of a step in its edges, or take the finished sums of its last one, stretches the step.
After a tile's last step its sums pass the pipeline's stages while the next tile begins.

``datapaths``  edges of a step, and products taken in at once, by operand widths
``operands``   what is known of a layer's operands, and whether the PEs can hold them
``blocks``     weights of which n of m take a lane
``by_value``   edges of steps from values, for pieces of operands that tiles share
``groups``     operands that are worked on together
``expected``   edges of a step where no values are known, under a stated distribution
``steps``      steps of a tile, in classes that are alike
``array``      all of it together, for one tile
``machine``     the tile, stepped: what its registers take (``latches``), what a datapath does on an edge (``edges``),
                and the controller that walks the steps (``tile``)
"""
