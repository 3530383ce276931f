// A word comes out STAGES enabled clock edges later. At the edge of an array lane i has i of these skew registers, so
// that a word and the sum (or the other operand) it meets arrive at a PE together.
module delay #(
    parameter int STAGES = 1,
    parameter int WIDTH = 8
) (
    // verilator lint_off UNUSEDSIGNAL
    input  logic             clk,  // with no stages there is no register
    input  logic             reset,
    input  logic             enable,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [WIDTH-1:0] now,
    output logic [WIDTH-1:0] late
);
    if (STAGES == 0) begin : wire_through
        assign late = now;
    end else begin : registers
        logic [STAGES-1:0][WIDTH-1:0] stage;
        assign late = stage[STAGES-1];

        always_ff @(posedge clk)
            if (reset) stage <= '0;
            else if (enable) stage <= (STAGES * WIDTH)'({stage, now});
    end
endmodule
