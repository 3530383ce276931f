// The controller of a row-stationary set: it runs the passes of a layer, a burst of them for every output tile.
//
//   window    the first window of a burst comes in                         fill
//   filters   filter words come in, until the rest of them needs
//             no more edges than the first output column                   fill
//   hold      edges until sums that come back will be in time              drain
//   steps     one per tick; no tick while a network is behind              compute, stall
//   drain     after a burst, ticks until the pipeline and the chain
//             of PEs are empty                                             drain
//
// Filters and sums have slots, edges kept for their transactions; each gives the network a credit. The filter network
// runs up to LEAD credits ahead of its slots, because the last filter word is used ADD_CYCLES * filters steps before
// the first column ends. A sum that is not in the buffer yet when its slot comes is sent later; those of one column may
// be sent ahead of their slots, once the controller is at the pass. Within a burst the array ticks while filters come in
// or a pass is held, so that sums climb on.
module rs_control
    import rs_pkg::*;
#(
    parameter int SHIFT_CYCLES = 1,
    parameter int ADD_CYCLES = 1,
    parameter int DILATION = 1,
    parameter int LEAD = 0,
    parameter int SUM_LANES = 1
) (
    input  logic  clk,
    input  logic  reset,

    input  logic  pass_valid,
    input  pass_t pass,
    output logic  pass_take,

    input  logic  filter_waits,   // the buffer has the words of the next transaction
    output logic  ifmap_send,     // transactions on the coming edge
    output logic  filter_send,
    output logic  out_send,

    input  logic [15:0] sums_wait,  // sums that the buffer could send, and those that are sent on the coming edge
    output logic [15:0] sums_send,

    input  logic  pending,        // a step in a PE or on its way to one
    output logic  tick,
    output step_t step,

    output logic       fills,     // what the coming edge does
    output logic       computes,
    output logic       drains,
    output logic [2:0] stalls     // by the slowest network: ifmap, sums out, sums in
);
    logic begun, draining, empties, awake, window, filters, hold, run;
    logic first_column, last_step;
    logic own_slot, next_slot, sum_slot;                // of the filters of this pass and the next one, of sums
    logic [15:0] window_done, steps_done, filter_done, next_done;
    logic [15:0] filter_credits, held_done, sums_granted, sums_slotted, slotted, sum_credits, sum_grant;
    logic ifmap_paced, ifmap_ready, sum_ready, out_ready;
    logic [2:0] slowest;

    // Before the layer's first edge the filters that lead it come in.
    assign awake = (begun | (filter_credits == 0) | ~filter_waits) & pass_valid & ~empties;
    assign window = awake & pass.starts & (window_done != pass.window_slots);
    assign filters = awake & ~window & pass.loads & (pass.filter_slots > filter_done + pass.first_steps);
    assign hold = awake & ~window & ~filters & (held_done != pass.held);
    assign run = awake & ~window & ~filters & ~hold;

    assign empties = draining & pending;
    assign drains = empties | hold;
    assign fills = window | filters;
    assign computes = run & tick;
    assign tick = empties | ((filters | hold) & ~pass.starts) | (run & ifmap_ready & out_ready & sum_ready);
    assign pass_take = computes & last_step;

    rs_program #(.SHIFT_CYCLES(SHIFT_CYCLES), .ADD_CYCLES(ADD_CYCLES), .DILATION(DILATION)) program_counter (
        .clk, .reset, .issue(run), .tick, .pass, .step, .first_column, .last_step);

    rs_pace ifmap_pace (
        .clk, .reset, .run, .tick, .last(last_step), .slots(pass.ifmap_slots), .steps(pass.steps),
        .send(ifmap_paced), .ready(ifmap_ready));
    rs_pace out_pace (
        .clk, .reset, .run, .tick, .last(last_step), .slots(pass.out_slots), .steps(pass.steps),
        .send(out_send), .ready(out_ready));
    rs_pace sum_pace (
        .clk, .reset, .run, .tick, .last(last_step), .slots(pass.in_slots), .steps(pass.steps),
        .send(sum_slot), .ready(sum_ready));

    assign ifmap_send = window | ifmap_paced;
    assign own_slot = filters | (computes & pass.loads & first_column & (filter_done != pass.filter_slots));
    assign next_slot = computes & (steps_done >= pass.beside) & (next_done != pass.next_slots);
    assign filter_send = filter_waits & (own_slot | next_slot | (filter_credits != 0));

    // The sums of a column may come ahead of their slots, once the controller is at the pass.
    assign slotted = sums_slotted + (sum_slot ? 16'(SUM_LANES) : 0);
    assign sum_grant = awake ? lesser(pass.returned, 16'(pass.filters * pass.cols) + slotted) - sums_granted : 0;
    assign sums_send = lesser(lesser(16'(SUM_LANES), sums_wait), sum_credits + sum_grant);

    // A step waits for the network with the most transactions.
    assign slowest = pass.ifmap_slots >= pass.out_slots && pass.ifmap_slots >= pass.in_slots ? 3'b001
        : pass.out_slots >= pass.in_slots ? 3'b010 : 3'b100;
    assign stalls = run & ~tick ? slowest : 3'b000;

    function automatic logic [15:0] lesser(input logic [15:0] a, input logic [15:0] b);
        lesser = a < b ? a : b;
    endfunction

    always_ff @(posedge clk)
        if (reset) begin
            begun <= 0;
            draining <= 0;
            window_done <= 0;
            steps_done <= 0;
            filter_done <= 0;
            next_done <= 0;
            filter_credits <= 16'(LEAD);
            held_done <= 0;
            sums_granted <= 0;
            sums_slotted <= 0;
            sum_credits <= 0;
        end else begin
            if (awake) begun <= 1;
            filter_credits <= filter_credits + 16'(own_slot) + 16'(next_slot) - 16'(filter_send);
            held_done <= pass_take ? 0 : held_done + 16'(hold);
            sums_granted <= pass_take ? 0 : sums_granted + sum_grant;
            sums_slotted <= pass_take ? 0 : slotted;
            sum_credits <= sum_credits + sum_grant - sums_send;
            window_done <= pass_take ? 0 : window_done + 16'(window);
            steps_done <= pass_take ? 0 : steps_done + 16'(computes);
            filter_done <= pass_take ? next_done + 16'(next_slot) : filter_done + 16'(own_slot);
            next_done <= pass_take ? 0 : next_done + 16'(next_slot);
            if (pass_take) draining <= pass.ends;
            else if (~pending) draining <= 0;
        end
endmodule
