// Testbench of the row-stationary set. Reads passes and the words of the networks from the working folder, and keeps
// the sums between passes; writes
//   outputs.txt    "cycle column sum" for every sum that leaves the top row
//   inputs.txt     "cycle words" for every transaction of the ifmap network
//   registers.txt  every PE register after the edges of dumps.hex
//   phases.txt     edges that compute, fill, drain, and stall for ifmap, sums out, sums in
`include "dump.svh"

module rs_tb
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
    parameter int STRIDE = 1,
    parameter int DILATION = 1,
    parameter int DILATION_W = 1,
    parameter int IFMAP_LANES = 1,
    parameter int FILTER_LANES = 1,
    parameter int SUM_LANES = 1,
    parameter int OUT_LANES = 1,
    parameter int LEAD = 0,
    parameter int PASSES = 1,
    parameter int IFMAP = 1,
    parameter int FILTERS = 1,
    parameter int SUMS = 1,
    parameter int LEAVES = 1,       // sums that leave a column
    parameter int OUTPUTS = 1,      // words of the buffer that keeps them
    parameter int DUMPS = 1
);
    localparam int ROUTE = $bits(route_t);

    logic clk = 0, reset = 1;
    logic pass_valid, pass_take, ifmap_send, filter_waits, filter_send, out_send;
    logic [$bits(pass_t)-1:0] pass;
    logic [IFMAP_LANES-1:0] ifmap_valid;
    logic [IFMAP_LANES-1:0][ROUTE-1:0] ifmap_route;
    logic [IFMAP_LANES-1:0][PIXEL_BITS-1:0] ifmap_words;
    logic [FILTER_LANES-1:0] filter_valid;
    logic [FILTER_LANES-1:0][ROUTE-1:0] filter_route;
    logic [FILTER_LANES-1:0][WEIGHT_BITS-1:0] filter_words;
    logic [15:0] sums_wait, sums_send;
    logic [SUM_LANES-1:0][ROUTE-1:0] sum_route;
    logic [SUM_LANES-1:0][SUM_BITS-1:0] sum_words;
    logic [COLS-1:0] leaves;
    logic [COLS-1:0][SUM_BITS-1:0] leaving;
    logic fills, computes, drains;
    logic [2:0] stalls;

    logic [IFMAP_LANES-1:0][ROUTE+PIXEL_BITS:0] ifmap_line;
    logic [FILTER_LANES-1:0][ROUTE+WEIGHT_BITS:0] filter_line;

    queue #(.WIDTH($bits(pass_t)), .DEPTH(PASSES), .FILE("passes.hex")) pass_queue (
        .clk, .reset, .take(pass_take), .valid(pass_valid), .word(pass));
    queue #(.WIDTH(IFMAP_LANES * (ROUTE + PIXEL_BITS + 1)), .DEPTH(IFMAP), .FILE("ifmap.hex")) ifmap_queue (
        .clk, .reset, .take(ifmap_send), .valid(), .word(ifmap_line));
    queue #(.WIDTH(FILTER_LANES * (ROUTE + WEIGHT_BITS + 1)), .DEPTH(FILTERS), .FILE("filters.hex")) filter_queue (
        .clk, .reset, .take(filter_send), .valid(filter_waits), .word(filter_line));
    for (genvar n = 0; n < IFMAP_LANES; n++)
        assign {ifmap_valid[n], ifmap_route[n], ifmap_words[n]} = ifmap_line[n];
    for (genvar n = 0; n < FILTER_LANES; n++)
        assign {filter_valid[n], filter_route[n], filter_words[n]} = filter_line[n];

    rs_set #(
        .ROWS(ROWS), .COLS(COLS), .PIXEL_BITS(PIXEL_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(SUM_BITS),
        .PRODUCT_SHIFT(PRODUCT_SHIFT), .WINDOW_WORDS(WINDOW_WORDS), .FILTER_WORDS(FILTER_WORDS),
        .SUM_WORDS(SUM_WORDS), .STAGES(STAGES), .SHIFT_CYCLES(SHIFT_CYCLES), .ADD_CYCLES(ADD_CYCLES),
        .STRIDE(STRIDE), .DILATION(DILATION), .DILATION_W(DILATION_W), .IFMAP_LANES(IFMAP_LANES),
        .FILTER_LANES(FILTER_LANES), .SUM_LANES(SUM_LANES), .LEAD(LEAD)
    ) dut (.*);

    int cycle = 0, compute = 0, fill = 0, drain = 0, ifmap_stall = 0, out_stall = 0, in_stall = 0;
    int inputs, outputs, registers, phases;
    logic [31:0] dumps[DUMPS];
    int dumped = 0;

    // The buffer that keeps sums from pass to pass, and the FIFO of the network out before it.
    logic [SUM_BITS-1:0] buffer[OUTPUTS], fifo[COLS*LEAVES];
    logic [15:0] written[OUTPUTS];
    logic [15:0] place[COLS * LEAVES], fifo_place[COLS*LEAVES];
    int left[COLS];
    int fifo_in = 0, fifo_out = 0, sent = 0;

    // Sums that come back, instead of a word: how often the last one of its group was written and where that is, and
    // where the sum itself is. The network takes a group when all of it is in the buffer.
    typedef struct packed {
        logic [ROUTE-1:0] route;
        logic [15:0] times;
        logic [15:0] last;
        logic [15:0] address;
    } returned_t;
    returned_t returned[SUMS+SUM_LANES];
    logic [SUM_LANES:0] there;

    assign there[0] = 1;
    for (genvar n = 0; n < SUM_LANES; n++) begin : back
        returned_t one;
        assign one = returned[sent+n];
        assign sum_route[n] = one.route;
        assign sum_words[n] = buffer[one.address];
        assign there[n+1] = there[n] & (sent + n < SUMS) & (written[one.last] == one.times);
    end
    assign sums_wait = 16'($countones(there)) - 1;

    always @(posedge clk)
        if (!reset) begin
            if (ifmap_send) $fwrite(inputs, "%0d %0d\n", cycle, $countones(ifmap_valid));
            sent <= sent + 32'(sums_send);
            for (int n = 0; n < OUT_LANES; n++)
                if (fifo_out < fifo_in) begin  // the network out: what left on edges before
                    buffer[fifo_place[fifo_out]] <= fifo[fifo_out];
                    written[fifo_place[fifo_out]] <= written[fifo_place[fifo_out]] + 1;
                    fifo_out = fifo_out + 1;
                end
            for (int j = 0; j < COLS; j++)
                if (leaves[j]) begin
                    fifo[fifo_in] = leaving[j];
                    fifo_place[fifo_in] = place[j*LEAVES+left[j]];
                    fifo_in = fifo_in + 1;
                    left[j] <= left[j] + 1;
                    $fwrite(outputs, "%0d %0d %h\n", cycle, j, leaving[j]);
                end
        end

    logic begun = 0, busy;
    assign busy = fills | computes | drains | (|stalls);

    initial begin
        for (int n = 0; n < OUTPUTS; n++) begin
            buffer[n] = '0;
            written[n] = '0;
        end
        for (int j = 0; j < COLS; j++) left[j] = 0;
        $readmemh("leaves.hex", place, 0, COLS * LEAVES - 1);
        if (SUMS > 0) $readmemh("sums.hex", returned, 0, SUMS - 1);
        inputs = $fopen("inputs.txt", "w");
        outputs = $fopen("outputs.txt", "w");
        registers = $fopen("registers.txt", "w");
        $readmemh("dumps.hex", dumps, 0, DUMPS - 1);
        #12 reset = 0;
    end

    initial forever #5 clk = ~clk;

    always @(posedge clk)  // just before the edge: what it is about to do
        if (!reset && busy) begin
            compute <= compute + 32'(computes);
            fill <= fill + 32'(fills);
            drain <= drain + 32'(drains);
            ifmap_stall <= ifmap_stall + 32'(stalls[0]);
            out_stall <= out_stall + 32'(stalls[1]);
            in_stall <= in_stall + 32'(stalls[2]);
            cycle <= cycle + 1;
            begun <= 1;
        end

    always @(negedge clk)  // after the edge: what the registers hold
        if (begun) begin
            if (dumped < DUMPS && dumps[dumped] == cycle - 1) begin
                `DUMP("ifmap_window", 1'b1, dut.window, ROWS, COLS)
                `DUMP("filter_spad", 1'b1, dut.filters, ROWS, COLS)
                `DUMP("psum_spad", 1'b1, dut.sums, ROWS, COLS)
                `DUMP("product", 1'b1, dut.product, ROWS, COLS)
                dumped <= dumped + 1;
            end
            if (!busy) begin
                phases = $fopen("phases.txt", "w");
                $fwrite(phases, "compute %0d fill %0d drain %0d ifmap %0d out %0d in %0d\n", compute, fill, drain,
                        ifmap_stall, out_stall, in_stall);
                $finish(0);
            end
        end
endmodule
