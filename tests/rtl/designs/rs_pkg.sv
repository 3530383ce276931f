// What the controller of a row-stationary set tells its PEs, and what it is told about a pass.
package rs_pkg;
    // One step of the PE's program. It goes up the set one row per tick.
    typedef struct packed {
        logic        valid;
        logic        enter;      // new words enter the ifmap window
        logic [15:0] enter_at;   // start of the channel's window
        logic        mac;
        logic        first;      // the first product of a sum
        logic        load;       // the filter word is new: from the FIFO, kept in the spad
        logic        add;        // the sum from below is added
        logic        returns;    // to the lowest PE: a sum comes back over the network
        logic [15:0] pixel_at;   // addresses in the spads
        logic [15:0] weight_at;
        logic [15:0] sum_at;
        logic [15:0] rows;       // used rows and columns of the set
        logic [15:0] cols;
        logic [15:0] channels;   // channels, words of a channel's window, and new ones per column
        logic [15:0] span;
        logic [15:0] fresh;
    } step_t;

    // Where a word on a network goes: PEs with this tag in rows `top` to `rows` - 1, columns 0 to `cols` - 1.
    typedef struct packed {
        logic [15:0] tag;
        logic [15:0] top;
        logic [15:0] rows;
        logic [15:0] cols;
    } route_t;

    // One pass.
    typedef struct packed {
        logic        starts;        // a burst: the first window has to be fetched
        logic        ends;          // it: the sums have to leave
        logic        loads;         // new filters
        logic        returns;       // sums come back
        logic [15:0] ifmaps;
        logic [15:0] filters;       // interleaved in a PE
        logic [15:0] channels;
        logic [15:0] rows;          // filter rows, i.e. rows of PEs
        logic [15:0] cols;          // output rows, i.e. columns of PEs
        logic [15:0] outputs;       // output columns
        logic [15:0] taps;          // of a filter row
        logic [15:0] span;          // words of a window, and new ones per output column
        logic [15:0] fresh;
        logic [15:0] steps;         // of the program, and of its first output column
        logic [15:0] first_steps;
        logic [15:0] beside;        // steps before those beside which filters of the next pass come, and
        logic [15:0] next_slots;    // how many transactions these are
        logic [15:0] window_slots;  // transactions of the networks: the first window, filters,
        logic [15:0] filter_slots;
        logic [15:0] ifmap_slots;   // and those spread over the pass
        logic [15:0] out_slots;
        logic [15:0] in_slots;
        logic [15:0] returned;      // sums that come back
        logic [15:0] held;          // edges that the pass is held for them, beyond those on which filters come
    } pass_t;
endpackage
