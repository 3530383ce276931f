// A weight-stationary systolic array with its edge: pixels hop right, sums are added on their way down, weights are
// preloaded down the columns before (or, with SHADOW, while) pixels stream.
//
//   PE(i, j) does step t of a fold t + i + j edges after PE(0, 0) did step 0. Rows that a fold does not use pass its
//   sums on, so an output leaves at the bottom edge, i.e. it is in the last row's register.
//
// A row of weights enters on every edge of a load, the last used row first. Row i of a column shifts from the i-th edge
// of the load to its end, so a word stays where it belongs and the words before it, not taken yet, are not pushed on.
module ws_array #(
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

    input  logic                             load_valid,
    input  logic [COUNT_BITS-1:0]            load_rows,
    input  logic [COUNT_BITS-1:0]            load_cols,
    output logic                             load_take,
    input  logic                             fold_valid,
    input  logic                             fold_fresh,
    input  logic [COUNT_BITS-1:0]            fold_rows,
    input  logic [COUNT_BITS-1:0]            fold_steps,
    output logic                             fold_take,

    output logic                             weight_take,
    input  logic [COLS-1:0][WEIGHT_BITS-1:0] weights,
    output logic                             pixel_take,
    input  logic [ROWS-1:0][PIXEL_BITS-1:0]  pixels,

    output logic [COLS-1:0]                  sum_valid,
    output logic [COLS-1:0][SUM_BITS-1:0]    sums,

    output logic                             computes,  // what the coming edge does
    output logic                             loads,
    output logic                             busy
);
    // Every register of the PEs: PE(i, j) sets the [i+1][j] of what moves down and the [i][j+1] of what moves right;
    // index 0 is the edge. What the last row and column hand on, and the weights in use, only a testbench looks at.
    // verilator lint_off UNUSEDSIGNAL
    logic signed [WEIGHT_BITS-1:0] weight[ROWS+1][COLS], held[ROWS][COLS];
    logic signed [PIXEL_BITS-1:0]  pixel[ROWS][COLS+1];
    logic signed [SUM_BITS-1:0]    sum[ROWS+1][COLS];
    logic [ROWS:0][COLS-1:0]       weight_valid, loaded, sums_valid;
    logic [ROWS-1:0][COLS-1:0]     held_valid;
    logic [ROWS-1:0][COLS:0]       pixel_valid, pixel_first;
    // verilator lint_on UNUSEDSIGNAL

    // What each PE is about to do.
    logic [COLS-1:0]           column_loads, load_begins;
    logic [ROWS-1:0][COLS-1:0] load, latches, mac, follows;

    logic first;
    logic [COLS-1:0] load_used;
    logic [ROWS-1:0] stream_used;

    ws_control #(.ROWS(ROWS), .COLS(COLS), .COUNT_BITS(COUNT_BITS), .SHADOW(SHADOW)) control (
        .clk, .reset,
        .load_valid, .load_rows, .load_cols, .load_take,
        .fold_valid, .fold_fresh, .fold_rows, .fold_steps, .fold_take,
        .moving(|follows), .load(weight_take), .load_used, .stream(pixel_take), .first, .stream_used, .busy
    );

    for (genvar j = 0; j < COLS; j++) begin : top
        logic [WEIGHT_BITS+2:0] late;
        delay #(.STAGES(j), .WIDTH(WEIGHT_BITS + 3)) weight_skew (
            .clk, .reset, .enable(1'b1), .now({weight_take, load_take, load_used[j], weights[j]}), .late);
        assign {column_loads[j], load_begins[j], weight_valid[0][j], weight[0][j]} = late;
        assign loaded[0][j] = 0;
        assign sum[0][j] = '0;
        assign sums_valid[0][j] = 0;
        assign sum_valid[j] = sums_valid[ROWS][j];
        assign sums[j] = sum[ROWS][j];
    end

    for (genvar i = 0; i < ROWS; i++) begin : row
        logic [PIXEL_BITS+1:0] late;
        delay #(.STAGES(i), .WIDTH(PIXEL_BITS + 2)) pixel_skew (
            .clk, .reset, .enable(1'b1), .now({stream_used[i], first, pixels[i]}), .late);
        assign {pixel_valid[i][0], pixel_first[i][0], pixel[i][0]} = late;

        for (genvar j = 0; j < COLS; j++) begin : col
            assign load[i][j] = column_loads[j] & (i == 0 | (loaded[i][j] & ~load_begins[j]));
            assign latches[i][j] = load[i][j] & weight_valid[i][j];
            assign follows[i][j] = (j > 0 & mac[i][j]) | (i > 0 & sums_valid[i][j]);

            ws_pe #(.PIXEL_BITS(PIXEL_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(SUM_BITS), .SHADOW(SHADOW)) pe (
                .clk, .reset,
                .load_in(load[i][j]), .weight_in(weight[i][j]), .weight_in_valid(weight_valid[i][j]),
                .loaded(loaded[i+1][j]), .weight(weight[i+1][j]), .weight_valid(weight_valid[i+1][j]),
                .pixel_in(pixel[i][j]), .pixel_in_valid(pixel_valid[i][j]), .pixel_in_first(pixel_first[i][j]),
                .pixel(pixel[i][j+1]), .pixel_valid(pixel_valid[i][j+1]), .pixel_first(pixel_first[i][j+1]),
                .sum_in(sum[i][j]), .sum_in_valid(sums_valid[i][j]),
                .sum(sum[i+1][j]), .sum_valid(sums_valid[i+1][j]),
                .held(held[i][j]), .held_valid(held_valid[i][j]), .mac(mac[i][j])
            );
        end
    end

    assign computes = |mac;
    assign loads = |latches;
endmodule
