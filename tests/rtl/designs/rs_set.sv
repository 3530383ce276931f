// A row-stationary PE set with its controller and networks: PE (i, j) holds filter row i and adds to output row j.
//
//        filters: row i takes one filter row (multicast along the row)
//             |
//   sums out <- PE(0,0) PE(0,1) PE(0,2)
//               PE(1,0) PE(1,1) PE(1,2)     ^ sums go up
//               PE(2,0) PE(2,1) PE(2,2)     |
//   sums in ------^                    \ ifmap row STRIDE*j + DILATION*i: a diagonal takes the same words
//
// A word on a network carries a tag and which rows and columns of the set are used; every PE compares. A step of the
// program enters at the bottom row and goes up one row per tick, as the sums do. On an edge without a tick the
// registers of a PE stand still, all but its FIFOs.
module rs_set
    import rs_pkg::*;
#(
    parameter int ROWS = 3,
    parameter int COLS = 4,
    parameter int PIXEL_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter int PRODUCT_SHIFT = 0,
    parameter int WINDOW_WORDS = 12,
    parameter int FILTER_WORDS = 24,
    parameter int SUM_WORDS = 4,
    parameter int STAGES = 2,
    parameter int SHIFT_CYCLES = 1,
    parameter int ADD_CYCLES = 1,
    parameter int STRIDE = 1,      // of windows down the ifmap
    parameter int DILATION = 1,    // of taps down the ifmap, and across it
    parameter int DILATION_W = 1,
    parameter int IFMAP_LANES = 1,
    parameter int FILTER_LANES = 1,
    parameter int SUM_LANES = 1,
    parameter int LEAD = 0
) (
    input  logic clk,
    input  logic reset,

    input  logic  pass_valid,
    input  pass_t pass,
    output logic  pass_take,

    // Networks: `send` takes a transaction, one word per lane with its route.
    output logic                                       ifmap_send,
    input  logic [IFMAP_LANES-1:0]                     ifmap_valid,
    input  logic [IFMAP_LANES-1:0][$bits(route_t)-1:0] ifmap_route,
    input  logic [IFMAP_LANES-1:0][PIXEL_BITS-1:0]     ifmap_words,

    input  logic                                        filter_waits,
    output logic                                        filter_send,
    input  logic [FILTER_LANES-1:0]                     filter_valid,
    input  logic [FILTER_LANES-1:0][$bits(route_t)-1:0] filter_route,
    input  logic [FILTER_LANES-1:0][WEIGHT_BITS-1:0]    filter_words,

    input  logic [15:0]                              sums_wait,  // how many could come, and how many do
    output logic [15:0]                              sums_send,
    input  logic [SUM_LANES-1:0][$bits(route_t)-1:0] sum_route,
    input  logic [SUM_LANES-1:0][SUM_BITS-1:0]       sum_words,

    output logic [COLS-1:0]               leaves,    // a sum leaves column j on the coming edge
    output logic [COLS-1:0][SUM_BITS-1:0] leaving,
    output logic                          out_send,  // the network takes sums that have left

    output logic       fills,     // what the coming edge does
    output logic       computes,
    output logic       drains,
    output logic [2:0] stalls
);
    logic tick;
    logic [ROWS-1:0][COLS-1:0] pending;
    logic [ROWS-1:0] on_its_way;

    // The step that each row runs; step[ROWS] is what the controller issues.
    logic [$bits(step_t)-1:0] step[ROWS+1];

    // Every register of the PEs. The PE above reads the sums, the top ones leave; only a testbench looks at the rest.
    // verilator lint_off UNUSEDSIGNAL
    logic [WINDOW_WORDS-1:0][PIXEL_BITS-1:0]  window[ROWS][COLS];
    logic [FILTER_WORDS-1:0][WEIGHT_BITS-1:0] filters[ROWS][COLS];
    logic [SUM_BITS-1:0]                      product[ROWS][COLS];
    logic [SUM_WORDS-1:0][SUM_BITS-1:0]       sums[ROWS+1][COLS];
    logic [COLS-1:0]                          finished[ROWS];
    logic [SUM_BITS-1:0]                      sum[ROWS][COLS];
    // verilator lint_on UNUSEDSIGNAL

    rs_control #(
        .SHIFT_CYCLES(SHIFT_CYCLES), .ADD_CYCLES(ADD_CYCLES), .DILATION(DILATION_W), .LEAD(LEAD),
        .SUM_LANES(SUM_LANES)
    ) control (
        .clk, .reset, .pass_valid, .pass, .pass_take,
        .filter_waits, .filter_send, .ifmap_send, .out_send, .sums_wait, .sums_send,
        .pending((|pending) | (|on_its_way)), .tick, .step(step[ROWS]),
        .fills, .computes, .drains, .stalls
    );

    assign leaves = finished[0];
    for (genvar j = 0; j < COLS; j++) begin : edges
        assign sums[ROWS][j] = '0;
        assign leaving[j] = sum[0][j];
    end

    for (genvar i = 0; i < ROWS; i++) begin : row
        // a step goes up one row per tick; `valid` is its first bit
        delay #(.STAGES(i < ROWS - 1 ? 1 : 0), .WIDTH($bits(step_t))) climb (
            .clk, .reset, .enable(tick), .now(step[i+1]), .late(step[i]));
        assign on_its_way[i] = i < ROWS - 1 & step[i][$bits(step_t)-1];

        for (genvar j = 0; j < COLS; j++) begin : col
            logic [IFMAP_LANES-1:0] ifmap_push;
            logic [FILTER_LANES-1:0] filter_push;
            logic [SUM_LANES-1:0] sum_push;

            for (genvar lane = 0; lane < IFMAP_LANES; lane++) begin : ifmap
                rs_listen #(.ROW(i), .COL(j), .TAG(STRIDE * j + DILATION * i)) listen (
                    .send(ifmap_send & ifmap_valid[lane]), .route(ifmap_route[lane]), .take(ifmap_push[lane]));
            end
            for (genvar lane = 0; lane < FILTER_LANES; lane++) begin : filter
                rs_listen #(.ROW(i), .COL(j), .TAG(i)) listen (
                    .send(filter_send & filter_valid[lane]), .route(filter_route[lane]), .take(filter_push[lane]));
            end
            for (genvar lane = 0; lane < SUM_LANES; lane++) begin : returned
                rs_listen #(.ROW(i), .COL(j), .TAG(j)) listen (
                    .send(16'(lane) < sums_send), .route(sum_route[lane]), .take(sum_push[lane]));
            end

            rs_pe #(
                .ROW(i), .COL(j),
                .PIXEL_BITS(PIXEL_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(SUM_BITS), .PRODUCT_SHIFT(PRODUCT_SHIFT),
                .WINDOW_WORDS(WINDOW_WORDS), .FILTER_WORDS(FILTER_WORDS), .SUM_WORDS(SUM_WORDS), .STAGES(STAGES),
                .MOST_ENTER(SHIFT_CYCLES == 0 ? WINDOW_WORDS : 1),
                .IFMAP_LANES(IFMAP_LANES), .FILTER_LANES(FILTER_LANES), .SUM_LANES(SUM_LANES),
                .IFMAP_FIFO((ROWS + 1) * WINDOW_WORDS + 4 * IFMAP_LANES),
                .FILTER_FIFO(2 * FILTER_WORDS + (LEAD + 1) * FILTER_LANES),
                .SUM_FIFO(2 * SUM_WORDS + SUM_LANES)
            ) pe (
                .clk, .reset, .tick, .step(step[i]),
                .ifmap_push, .ifmap_words, .filter_push, .filter_words, .sum_push, .sum_words,
                .below(sums[i+1][j]), .sums(sums[i][j]), .window(window[i][j]), .filters(filters[i][j]),
                .product(product[i][j]), .pending(pending[i][j]), .finished(finished[i][j]), .sum(sum[i][j])
            );
        end
    end
endmodule
