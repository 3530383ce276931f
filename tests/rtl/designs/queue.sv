// A buffer that hands out the words of a hex file in order: stands for a memory and its address generator.
module queue #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 1,
    parameter FILE = "words.hex"
) (
    input  logic             clk,
    input  logic             reset,
    input  logic             take,
    output logic             valid,
    output logic [WIDTH-1:0] word
);
    logic [WIDTH-1:0] words[DEPTH];
    int next;

    assign valid = next < DEPTH;
    assign word = valid ? words[next] : '0;

    initial $readmemh(FILE, words, 0, DEPTH - 1);

    always_ff @(posedge clk)
        if (reset) next <= 0;
        else if (take) next <= next + 1;
endmodule
