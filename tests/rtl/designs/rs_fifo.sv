// A FIFO in front of a scratchpad. Up to LANES words enter and up to HEADS words leave on one edge; a word may leave on
// the edge on which it enters.
module rs_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 8,
    parameter int LANES = 1,
    parameter int HEADS = 1
) (
    input  logic                        clk,
    input  logic                        reset,
    input  logic [LANES-1:0]            push,
    input  logic [LANES-1:0][WIDTH-1:0] words,
    input  logic [15:0]                 pop,
    output logic [HEADS-1:0][WIDTH-1:0] heads
);
    localparam int MOST = DEPTH + LANES;

    logic [MOST-1:0][WIDTH-1:0] kept, now;
    logic [15:0] level, count;

    always_comb begin
        now = kept;
        count = level;
        for (int lane = 0; lane < LANES; lane++)
            if (push[lane]) begin
                now[count] = words[lane];
                count = count + 1;
            end
    end

    assign heads = now[HEADS-1:0];

    always_ff @(posedge clk)
        if (reset) begin
            kept <= '0;
            level <= 0;
        end else begin
            kept <= now >> (pop * WIDTH);
            level <= count - pop;
        end

    always @(posedge clk)
        if (!reset && pop > count) $error("a word is taken that has not arrived");
        else if (!reset && count - pop > 16'(DEPTH)) $error("a FIFO of %0d words overflows", DEPTH);
endmodule
