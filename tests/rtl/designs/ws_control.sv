// Edge control of the weight-stationary array: when weights enter, when pixels enter, and when to wait.
//
//   SHADOW = 0   load  a edges | stream  T edges | wait until no sum is on its way | next fold
//   SHADOW = 1   stream fold k  T edges          | stream fold k+1 ...
//                load k+1  a edges |
//
// Two queues of commands keep loads and streams apart: a load says how many rows and columns it fills, a fold how many
// rows it uses, how many steps it streams, and whether it takes new weights.
module ws_control #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int COUNT_BITS = 16,
    parameter bit SHADOW = 1
) (
    input  logic                  clk,
    input  logic                  reset,

    input  logic                  load_valid,
    input  logic [COUNT_BITS-1:0] load_rows,
    input  logic [COUNT_BITS-1:0] load_cols,
    output logic                  load_take,

    input  logic                  fold_valid,
    input  logic                  fold_fresh,
    input  logic [COUNT_BITS-1:0] fold_rows,
    input  logic [COUNT_BITS-1:0] fold_steps,
    output logic                  fold_take,

    input  logic                  moving,    // a MAC or a sum on its way, after the first PE
    output logic                  load,      // a row of weights enters on the coming edge
    output logic [COLS-1:0]       load_used,
    output logic                  stream,    // a column of pixels enters on the coming edge
    output logic                  first,     // it is the first with new weights
    output logic [ROWS-1:0]       stream_used,
    output logic                  busy
);
    logic [COUNT_BITS-1:0] rows_left, cols, steps_left, rows;
    logic waiting;  // weights have been loaded and are not in use yet

    // The stream: one step per edge, and a new fold as soon as its weights wait; without a shadow register, when the
    // array is empty, too.
    assign fold_take = fold_valid & (steps_left == 0) & (waiting | ~fold_fresh) & (SHADOW | ~moving);
    assign stream = fold_take | (steps_left != 0);
    assign first = fold_take & fold_fresh;

    // The load: one row per edge. With a shadow register it starts on the edge that takes the weights before it;
    // without one, when the array is empty and the next fold needs it.
    assign load_take = load_valid & (rows_left == 0) & (SHADOW ? ~waiting | first
        : ~waiting & fold_valid & fold_fresh & (steps_left == 0) & ~moving);
    assign load = load_take | (rows_left != 0);
    assign busy = load | stream | moving;

    for (genvar i = 0; i < ROWS; i++) begin : row
        assign stream_used[i] = stream & (COUNT_BITS'(i) < (fold_take ? fold_rows : rows));
    end
    for (genvar j = 0; j < COLS; j++) begin : col
        assign load_used[j] = COUNT_BITS'(j) < (load_take ? load_cols : cols);
    end

    always_ff @(posedge clk)
        if (reset) begin
            rows_left <= 0;
            steps_left <= 0;
            waiting <= 0;
        end else begin
            if (load) rows_left <= (load_take ? load_rows : rows_left) - 1;
            if (stream) steps_left <= (fold_take ? fold_steps : steps_left) - 1;
            if (load && (load_take ? load_rows : rows_left) == 1) waiting <= 1;
            else if (first) waiting <= 0;
        end

    always_ff @(posedge clk) begin
        if (load_take) cols <= load_cols;
        if (fold_take) rows <= fold_rows;
    end
endmodule
