// A row-stationary PE: it slides a filter row over an ifmap row.
//
//     ifmap FIFO -> window [channel][span] --x--+
//                                               +--> x --[product]--> + --> sums [filter] --> to the PE above
//     filter FIFO -> filters [channel][tap][filter]                   ^
//                                                        sum of the PE below, or of the network
//
// It runs the step it is given on every tick. Of STAGES pipeline stages the first reads the operands and the last one
// writes the sum; the product register is before the last one.
module rs_pe
    import rs_pkg::*;
#(
    parameter int ROW = 0,
    parameter int COL = 0,
    parameter int PIXEL_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter int PRODUCT_SHIFT = 0,
    parameter int WINDOW_WORDS = 12,
    parameter int FILTER_WORDS = 24,
    parameter int SUM_WORDS = 4,
    parameter int STAGES = 2,
    parameter int MOST_ENTER = 1,    // words that enter the window at once
    parameter int IFMAP_LANES = 1,   // words of a transaction, by network
    parameter int FILTER_LANES = 1,
    parameter int SUM_LANES = 1,
    parameter int IFMAP_FIFO = 16,
    parameter int FILTER_FIFO = 16,
    parameter int SUM_FIFO = 16
) (
    input  logic clk,
    input  logic reset,
    input  logic tick,
    input  step_t step,

    // those words on the networks that are for this PE
    input  logic [IFMAP_LANES-1:0]                   ifmap_push,
    input  logic [IFMAP_LANES-1:0][PIXEL_BITS-1:0]   ifmap_words,
    input  logic [FILTER_LANES-1:0]                  filter_push,
    input  logic [FILTER_LANES-1:0][WEIGHT_BITS-1:0] filter_words,
    input  logic [SUM_LANES-1:0]                     sum_push,
    input  logic [SUM_LANES-1:0][SUM_BITS-1:0]       sum_words,

    input  logic [SUM_WORDS-1:0][SUM_BITS-1:0]       below,
    output logic [SUM_WORDS-1:0][SUM_BITS-1:0]       sums,
    output logic [WINDOW_WORDS-1:0][PIXEL_BITS-1:0]  window,
    output logic [FILTER_WORDS-1:0][WEIGHT_BITS-1:0] filters,
    output logic signed [SUM_BITS-1:0]               product,
    output logic                                     pending,  // a step is in the pipeline

    output logic                finished,  // a sum is complete on the coming edge
    output logic [SUM_BITS-1:0] sum
);
    // The last stage, and what it has to know of the step.
    typedef struct packed {
        logic        work;
        logic        mac;
        logic        first;
        logic        add;
        logic        from_network;
        logic        from_below;
        logic [15:0] sum_at;
    } sum_t;

    logic active, loads;
    logic [15:0] enter, moves, span, from, to;  // words that enter, by how many places the others move
    assign active = step.valid & (16'(ROW) < step.rows) & (16'(COL) < step.cols);
    assign loads = tick & active & step.mac & step.load;
    assign enter = tick & active & step.enter ? step.channels * step.fresh : 0;
    assign moves = step.fresh;
    assign span = step.span;
    assign from = step.enter_at;
    assign to = step.enter_at + step.channels * step.span;

    // First stage: the window and the filter spad, with the words that come in on this very edge.
    logic [MOST_ENTER-1:0][PIXEL_BITS-1:0] pixels;
    logic [0:0][WEIGHT_BITS-1:0] weights;
    logic [WINDOW_WORDS-1:0][PIXEL_BITS-1:0] window_now;
    logic signed [PIXEL_BITS-1:0] pixel;
    logic signed [WEIGHT_BITS-1:0] weight;

    rs_fifo #(.WIDTH(PIXEL_BITS), .DEPTH(IFMAP_FIFO), .LANES(IFMAP_LANES), .HEADS(MOST_ENTER)) ifmap_fifo (
        .clk, .reset, .push(ifmap_push), .words(ifmap_words), .pop(enter), .heads(pixels));

    rs_fifo #(.WIDTH(WEIGHT_BITS), .DEPTH(FILTER_FIFO), .LANES(FILTER_LANES)) filter_fifo (
        .clk, .reset, .push(filter_push), .words(filter_words), .pop(16'(loads)), .heads(weights));

    // The words of a channel move down by as many places as enter at the top.
    always_comb begin
        logic [15:0] offset, entered;
        window_now = window;
        offset = 0;
        entered = 0;
        for (int k = 0; k < WINDOW_WORDS; k++)
            if (enter != 0 && 16'(k) >= from && 16'(k) < to) begin
                if (offset + moves < span) window_now[k] = window[16'(k)+moves];
                else begin
                    window_now[k] = pixels[entered];
                    entered = entered + 1;
                end
                offset = offset + 1 == span ? 0 : offset + 1;
            end
    end

    assign pixel = window_now[step.pixel_at];
    assign weight = step.load ? weights[0] : filters[step.weight_at];

    always_ff @(posedge clk) begin
        window <= window_now;
        if (loads) filters[step.weight_at] <= weights[0];
    end

    // The pipeline, and the product at its end.
    sum_t now, late;
    logic signed [SUM_BITS-1:0] product_late;

    assign now.work = active & (step.mac | step.add);
    assign now.mac = step.mac;
    assign now.first = step.first;
    assign now.add = step.add;
    assign now.from_network = step.returns & (16'(ROW + 1) == step.rows);
    assign now.from_below = 16'(ROW + 1) < step.rows;
    assign now.sum_at = step.sum_at;

    if (STAGES == 1) begin : no_register
        assign late = now;
        assign product_late = SUM_BITS'((PIXEL_BITS + WEIGHT_BITS)'(pixel) * (PIXEL_BITS + WEIGHT_BITS)'(weight)
                                        >>> PRODUCT_SHIFT);
        assign product = product_late;
        assign pending = 0;
    end else begin : registers
        sum_t operands;
        logic signed [PIXEL_BITS-1:0] pixel_late;
        logic signed [WEIGHT_BITS-1:0] weight_late;
        logic [STAGES-2:0] flight;

        delay #(.STAGES(STAGES - 2), .WIDTH($bits(sum_t) + PIXEL_BITS + WEIGHT_BITS)) read (
            .clk, .reset, .enable(tick), .now({now, pixel, weight}), .late({operands, pixel_late, weight_late}));

        assign product_late = product;
        assign pending = |flight;

        always_ff @(posedge clk)
            if (reset) begin
                late <= '0;
                flight <= '0;
            end else if (tick) begin
                late <= operands;
                flight <= (STAGES - 1)'({flight, now.work});
            end

        always_ff @(posedge clk)
            if (tick)
                product <= SUM_BITS'((PIXEL_BITS + WEIGHT_BITS)'(pixel_late) * (PIXEL_BITS + WEIGHT_BITS)'(weight_late)
                                     >>> PRODUCT_SHIFT);
    end

    // Last stage: the sum.
    logic [0:0][SUM_BITS-1:0] returned;
    logic signed [SUM_BITS-1:0] start, incoming;
    logic takes;

    rs_fifo #(.WIDTH(SUM_BITS), .DEPTH(SUM_FIFO), .LANES(SUM_LANES)) sum_fifo (
        .clk, .reset, .push(sum_push), .words(sum_words), .pop(16'(takes)), .heads(returned));

    assign start = late.first ? '0 : sums[late.sum_at];
    assign incoming = late.from_below ? below[late.sum_at] : late.from_network ? returned[0] : '0;
    assign sum = start + (late.mac ? product_late : '0) + (late.add ? incoming : '0);
    assign finished = tick & late.work & late.add;
    assign takes = finished & late.from_network;

    always_ff @(posedge clk)
        if (tick & late.work) sums[late.sum_at] <= sum;
endmodule
