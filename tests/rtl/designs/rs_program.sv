// The program of a pass, one step per tick:
//
//   for each ifmap, for each output column
//     shift   for each channel, each new word: SHIFT_CYCLES steps; the word enters the window on the last
//     MAC     for each channel, each tap, each filter: one step
//     add     for each filter: ADD_CYCLES steps; the sum from below is added on the last
//
// With SHIFT_CYCLES 0 all words enter with the column's first MAC; with ADD_CYCLES 0 a sum is added with its last MAC.
module rs_program
    import rs_pkg::*;
#(
    parameter int SHIFT_CYCLES = 1,
    parameter int ADD_CYCLES = 1,
    parameter int DILATION = 1
) (
    input  logic  clk,
    input  logic  reset,
    input  logic  issue,
    input  logic  tick,
    // verilator lint_off UNUSEDSIGNAL
    input  pass_t pass,  // what concerns the networks is not used here
    // verilator lint_on UNUSEDSIGNAL
    output step_t step,
    output logic  first_column,
    output logic  last_step
);
    typedef enum logic [1:0] {SHIFT, MAC, ADD} phase_t;

    phase_t phase, opening;
    assign opening = SHIFT_CYCLES > 0 ? SHIFT : MAC;

    logic [15:0] ifmap, column, channel, word, filter, cycle;  // `word` is a new one, or a tap
    logic [15:0] weight_at, window_at;

    logic row_starts, last_cycle, last_filter, last_word, last_channel, last_of_phase, last_of_column;
    logic [15:0] entering;

    assign row_starts = column == 0;
    assign entering = row_starts ? pass.span : pass.fresh;
    assign last_cycle = phase == MAC || cycle + 1 == 16'(phase == SHIFT ? SHIFT_CYCLES : ADD_CYCLES);
    assign last_filter = phase == SHIFT || filter + 1 == pass.filters;
    assign last_word = phase == ADD || word + 1 == (phase == SHIFT ? entering : pass.taps);
    assign last_channel = phase == ADD || channel + 1 == pass.channels;
    assign last_of_phase = last_cycle & last_filter & last_word & last_channel;
    assign last_of_column = last_of_phase & (phase == ADD || (phase == MAC && ADD_CYCLES == 0));
    assign first_column = row_starts & (ifmap == 0);
    assign last_step = last_of_column & (column + 1 == pass.outputs) & (ifmap + 1 == pass.ifmaps);

    assign step.valid = issue;
    assign step.enter = SHIFT_CYCLES > 0 ? phase == SHIFT & last_cycle : phase == MAC & (weight_at == 0);
    assign step.enter_at = SHIFT_CYCLES > 0 ? window_at : 0;
    assign step.channels = SHIFT_CYCLES > 0 ? 1 : pass.channels;
    assign step.fresh = SHIFT_CYCLES > 0 ? 1 : entering;
    assign step.span = pass.span;
    assign step.mac = phase == MAC;
    assign step.first = phase == MAC & (channel == 0) & (word == 0);
    assign step.load = pass.loads & first_column;
    assign step.add = ADD_CYCLES > 0 ? phase == ADD & last_cycle : phase == MAC & last_channel & last_word;
    assign step.returns = pass.returns;
    assign step.pixel_at = window_at + word * 16'(DILATION);
    assign step.weight_at = weight_at;
    assign step.sum_at = filter;
    assign step.rows = pass.rows;
    assign step.cols = pass.cols;

    always_ff @(posedge clk)
        if (reset) begin
            phase <= opening;
            {ifmap, column, channel, word, filter, cycle} <= '0;
            {weight_at, window_at} <= '0;
        end else if (tick & issue) begin
            // every counter runs inside the one after it: cycle, filter, word, channel, phase, column, ifmap
            cycle <= last_cycle ? 0 : cycle + 1;
            if (last_cycle) filter <= last_filter ? 0 : filter + 1;
            if (last_cycle & last_filter) word <= last_word ? 0 : word + 1;
            if (last_cycle & last_filter & last_word) begin
                channel <= last_channel ? 0 : channel + 1;
                window_at <= last_channel ? 0 : window_at + pass.span;
            end
            weight_at <= last_of_phase ? 0 : weight_at + 16'(phase == MAC);
            if (last_of_column) phase <= opening;
            else if (last_of_phase) phase <= phase == SHIFT ? MAC : ADD;
            if (last_of_column) column <= column + 1 == pass.outputs ? 0 : column + 1;
            if (last_of_column & (column + 1 == pass.outputs)) ifmap <= last_step ? 0 : ifmap + 1;
        end
endmodule
