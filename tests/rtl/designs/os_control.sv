// Edge control of the output-stationary array: when a fold streams, and when it waits for sums to leave.
//
//   SHADOW = 0   stream T edges | until every PE is done | shift until the top sum is at the edge | next fold
//   SHADOW = 1   stream fold k | stream fold k+1 ...       sums leave meanwhile
//
// A fold may go on with the sums of the fold before it (`fresh` = 0), and leave them to the fold after it (`ends` = 0).
// With a drain register, the sums of `a` rows need it for `a` edges: new sums start so late that they are not complete
// before, which control knows from `sum_steps`, the steps that a fresh fold's sums take.
module os_control #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int COUNT_BITS = 16,
    parameter bit SHADOW = 1
) (
    input  logic                  clk,
    input  logic                  reset,

    input  logic                  fold_valid,
    input  logic                  fold_fresh,
    input  logic                  fold_ends,
    input  logic [COUNT_BITS-1:0] fold_rows,
    input  logic [COUNT_BITS-1:0] fold_cols,
    input  logic [COUNT_BITS-1:0] fold_steps,
    input  logic [COUNT_BITS-1:0] fold_sum_steps,
    output logic                  fold_take,

    input  logic                  working,      // a MAC on the coming edge, after the first PE's
    input  logic                  crossing,     // a complete sum above the last row
    output logic                  stream,       // a column of pixels and a row of weights enter on the coming edge
    output logic                  first,        // they start new sums
    output logic                  last,         // they complete them
    output logic [ROWS-1:0]       pixels_used,
    output logic [ROWS-1:0]       bottom,       // the last used row
    output logic [COLS-1:0]       weights_used,
    output logic                  shift,        // without a drain register: the sums move down
    output logic                  busy
);
    logic [COUNT_BITS-1:0] steps_left, rows, cols;
    logic [COUNT_BITS-1:0] drain_left;  // edges until row 0 may put the next sum into its drain register
    logic ends, free;

    assign free = SHADOW ? ~fold_fresh | (fold_sum_steps > drain_left) : ~working & ~crossing;
    assign fold_take = fold_valid & (steps_left == 0) & free;
    assign stream = fold_take | (steps_left != 0);
    assign first = fold_take & fold_fresh;
    assign last = stream & (fold_take ? fold_ends & (fold_steps == 1) : ends & (steps_left == 1));
    assign shift = ~SHADOW & (steps_left == 0) & ~working;
    assign busy = stream | working | crossing;

    logic [COUNT_BITS-1:0] rows_now, cols_now;
    assign rows_now = fold_take ? fold_rows : rows;
    assign cols_now = fold_take ? fold_cols : cols;
    for (genvar i = 0; i < ROWS; i++) begin : row
        assign pixels_used[i] = stream & (COUNT_BITS'(i) < rows_now);
        assign bottom[i] = COUNT_BITS'(i + 1) == rows_now;
    end
    for (genvar j = 0; j < COLS; j++) begin : col
        assign weights_used[j] = stream & (COUNT_BITS'(j) < cols_now);
    end

    always_ff @(posedge clk)
        if (reset) begin
            steps_left <= 0;
            drain_left <= 0;
        end else begin
            if (stream) steps_left <= (fold_take ? fold_steps : steps_left) - 1;
            if (last) drain_left <= rows_now - 1;
            else if (drain_left != 0) drain_left <= drain_left - 1;
        end

    always_ff @(posedge clk)
        if (fold_take) begin
            rows <= fold_rows;
            cols <= fold_cols;
            ends <= fold_ends;
        end
endmodule
