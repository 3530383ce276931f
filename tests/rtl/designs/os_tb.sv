// Testbench of the output-stationary array. Reads commands and operands from the working folder; writes
//   outputs.txt    "cycle column sum" for every sum that enters the edge register
//   registers.txt  every PE register after the edges of dumps.hex
//   phases.txt     edges with a MAC, other edges
`include "dump.svh"

module os_tb #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int PIXEL_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter bit SHADOW = 1,
    parameter int FOLDS = 1,
    parameter int PIXELS = 1,
    parameter int WEIGHTS = 1,
    parameter int DUMPS = 1
);
    localparam int COUNT_BITS = 16;

    logic clk = 0, reset = 1;
    logic fold_valid, fold_fresh, fold_ends, fold_take, step_take;
    logic [COUNT_BITS-1:0] fold_rows, fold_cols, fold_steps, fold_sum_steps;
    logic [COLS-1:0][WEIGHT_BITS-1:0] weights;
    logic [ROWS-1:0][PIXEL_BITS-1:0] pixels;
    logic [COLS-1:0] sum_valid;
    logic [COLS-1:0][SUM_BITS-1:0] sums;
    logic computes, busy;

    queue #(.WIDTH(2 + 4 * COUNT_BITS), .DEPTH(FOLDS), .FILE("folds.hex")) fold_queue (
        .clk, .reset, .take(fold_take), .valid(fold_valid),
        .word({fold_fresh, fold_ends, fold_rows, fold_cols, fold_steps, fold_sum_steps}));
    queue #(.WIDTH(ROWS * PIXEL_BITS), .DEPTH(PIXELS), .FILE("pixels.hex")) pixel_queue (
        .clk, .reset, .take(step_take), .valid(), .word(pixels));
    queue #(.WIDTH(COLS * WEIGHT_BITS), .DEPTH(WEIGHTS), .FILE("weights.hex")) weight_queue (
        .clk, .reset, .take(step_take), .valid(), .word(weights));

    os_array #(
        .ROWS(ROWS), .COLS(COLS), .PIXEL_BITS(PIXEL_BITS), .WEIGHT_BITS(WEIGHT_BITS), .SUM_BITS(SUM_BITS),
        .COUNT_BITS(COUNT_BITS), .SHADOW(SHADOW)
    ) dut (.*);

    int cycle = 0, compute = 0, drain = 0;
    int outputs, registers, phases;
    logic [31:0] dumps[DUMPS];
    int dumped = 0;

    initial begin
        outputs = $fopen("outputs.txt", "w");
        registers = $fopen("registers.txt", "w");
        $readmemh("dumps.hex", dumps, 0, DUMPS - 1);
        #12 reset = 0;
    end

    initial forever #5 clk = ~clk;

    always @(posedge clk)  // just before the edge: what it is about to do
        if (!reset) begin
            if (computes) compute <= compute + 1;
            else drain <= drain + 1;
            cycle <= cycle + 1;
        end

    always @(negedge clk)  // after the edge: what the registers hold
        if (!reset && cycle > 0) begin
            for (int j = 0; j < COLS; j++)
                if (sum_valid[j]) $fwrite(outputs, "%0d %0d %h\n", cycle - 1, j, sums[j]);
            if (dumped < DUMPS && dumps[dumped] == cycle - 1) begin
                `DUMP("pixel", dut.pixel_valid, dut.pixel, ROWS, COLS + 1)
                `DUMP("weight", dut.weight_valid, dut.weight, ROWS + 1, COLS)
                `DUMP("sum", dut.sums_valid, dut.sum, ROWS, COLS)
                `DUMP("leaving", dut.leaving_valid, dut.leaving, ROWS + 1, COLS)
                dumped <= dumped + 1;
            end
            if (!busy) begin
                phases = $fopen("phases.txt", "w");
                $fwrite(phases, "compute %0d fill 0 drain %0d\n", compute, drain);
                $finish(0);
            end
        end
endmodule
