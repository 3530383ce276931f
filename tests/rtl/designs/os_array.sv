// An output-stationary systolic array with its edge: pixels hop right, weights hop down, sums grow in the PEs and leave
// through the rows below.
//
//   PE(i, j) does step t of a fold t + i + j edges after PE(0, 0) did step 0. When the last used row of a column is
//   complete the column shifts as one (with SHADOW), or all columns when the whole array is done (without). An output
//   leaves at the bottom edge, i.e. it is in the last row's register; the sum of the top row crosses all the others.
module os_array #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int PIXEL_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter int COUNT_BITS = 16,
    parameter bit SHADOW = 1
) (
    input  logic clk,
    input  logic reset,

    input  logic                             fold_valid,
    input  logic                             fold_fresh,
    input  logic                             fold_ends,
    input  logic [COUNT_BITS-1:0]            fold_rows,
    input  logic [COUNT_BITS-1:0]            fold_cols,
    input  logic [COUNT_BITS-1:0]            fold_steps,
    input  logic [COUNT_BITS-1:0]            fold_sum_steps,
    output logic                             fold_take,

    output logic                             step_take,
    input  logic [ROWS-1:0][PIXEL_BITS-1:0]  pixels,
    input  logic [COLS-1:0][WEIGHT_BITS-1:0] weights,

    output logic [COLS-1:0]                  sum_valid,  // a sum has entered the edge register
    output logic [COLS-1:0][SUM_BITS-1:0]    sums,

    output logic                             computes,   // what the coming edge does
    output logic                             busy
);
    // Every register of the PEs: PE(i, j) sets the [i+1][j] of what moves down and the [i][j+1] of what moves right;
    // index 0 is the edge. What the last row and column hand on, and the growing sums, only a testbench looks at.
    // verilator lint_off UNUSEDSIGNAL
    logic signed [PIXEL_BITS-1:0]  pixel[ROWS][COLS+1];
    logic signed [WEIGHT_BITS-1:0] weight[ROWS+1][COLS];
    logic signed [SUM_BITS-1:0]    sum[ROWS][COLS], leaving[ROWS+1][COLS];
    logic [ROWS-1:0][COLS:0]       pixel_valid, pixel_first, pixel_last, pixel_bottom;
    logic [ROWS:0][COLS-1:0]       weight_valid, leaving_valid;
    logic [ROWS-1:0][COLS-1:0]     sums_valid;
    // verilator lint_on UNUSEDSIGNAL

    // What each PE is about to do.
    logic [ROWS:0][COLS-1:0]   moves;
    logic [ROWS-1:0][COLS-1:0] mac, follows, crosses, complete, releases;
    logic [COLS-1:0][ROWS-1:0] column_complete;  // by column
    logic [COLS-1:0]           released;

    logic first, last, shift;
    logic [ROWS-1:0] pixels_used, bottom;
    logic [COLS-1:0] weights_used;

    os_control #(.ROWS(ROWS), .COLS(COLS), .COUNT_BITS(COUNT_BITS), .SHADOW(SHADOW)) control (
        .clk, .reset,
        .fold_valid, .fold_fresh, .fold_ends, .fold_rows, .fold_cols, .fold_steps, .fold_sum_steps, .fold_take,
        .working(|follows), .crossing(|crosses), .stream(step_take), .first, .last, .pixels_used, .bottom,
        .weights_used, .shift, .busy
    );

    for (genvar j = 0; j < COLS; j++) begin : top
        logic [WEIGHT_BITS:0] late;
        delay #(.STAGES(j), .WIDTH(WEIGHT_BITS + 1)) weight_skew (
            .clk, .reset, .enable(1'b1), .now({weights_used[j], weights[j]}), .late);
        assign {weight_valid[0][j], weight[0][j]} = late;
        assign leaving[0][j] = '0;
        assign leaving_valid[0][j] = 0;
        assign moves[0][j] = 0;
        assign sums[j] = leaving[ROWS][j];

        always_ff @(posedge clk)
            if (reset) begin
                released[j] <= 0;
                sum_valid[j] <= 0;
            end else begin
                released[j] <= |column_complete[j];
                sum_valid[j] <= complete[ROWS-1][j] | moves[ROWS-1][j];
            end
    end

    for (genvar i = 0; i < ROWS; i++) begin : row
        logic [PIXEL_BITS+3:0] late;
        delay #(.STAGES(i), .WIDTH(PIXEL_BITS + 4)) pixel_skew (
            .clk, .reset, .enable(1'b1), .now({pixels_used[i], first, last, bottom[i], pixels[i]}), .late);
        assign {pixel_valid[i][0], pixel_first[i][0], pixel_last[i][0], pixel_bottom[i][0], pixel[i][0]} = late;

        for (genvar j = 0; j < COLS; j++) begin : col
            assign follows[i][j] = (i > 0 | j > 0) & mac[i][j];
            assign releases[i][j] = SHADOW ? released[j] | (i == ROWS - 1) : shift;
            assign crosses[i][j] = i > 0 & leaving_valid[i][j];

            os_pe #(.PIXEL_BITS(PIXEL_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(SUM_BITS), .SHADOW(SHADOW)) pe (
                .clk, .reset,
                .pixel_in(pixel[i][j]), .pixel_in_valid(pixel_valid[i][j]), .pixel_in_first(pixel_first[i][j]),
                .pixel_in_last(pixel_last[i][j]), .pixel_in_bottom(pixel_bottom[i][j]),
                .pixel(pixel[i][j+1]), .pixel_valid(pixel_valid[i][j+1]), .pixel_first(pixel_first[i][j+1]),
                .pixel_last(pixel_last[i][j+1]), .pixel_bottom(pixel_bottom[i][j+1]),
                .weight_in(weight[i][j]), .weight_in_valid(weight_valid[i][j]),
                .weight(weight[i+1][j]), .weight_valid(weight_valid[i+1][j]),
                .release_sums(releases[i][j]),
                .leaving_in(leaving[i][j]), .leaving_in_moves(moves[i][j]),
                .leaving(leaving[i+1][j]), .leaving_valid(leaving_valid[i+1][j]), .leaving_moves(moves[i+1][j]),
                .sum(sum[i][j]), .sum_valid(sums_valid[i][j]),
                .mac(mac[i][j]), .complete(complete[i][j]), .column_complete(column_complete[j][i])
            );
        end
    end

    assign computes = |mac;
endmodule
