// Paces a network: its transactions are spread evenly over the steps of a pass, and a step waits for its share of them.
//
//   step s is done when ceil((s + 1) * slots / steps) transactions have been; the network is at most one step ahead
//
// `debt` is (steps done) * slots - (transactions done) * steps, Bresenham's error term; it is zero after every pass.
module rs_pace (
    input  logic        clk,
    input  logic        reset,
    input  logic        run,    // the coming edge belongs to the steps of a pass
    input  logic        tick,   // a step is done on it,
    input  logic        last,   // which is the last one
    input  logic [15:0] slots,
    input  logic [15:0] steps,
    output logic        send,   // a transaction is done on it
    output logic        ready   // this network does not hold the step back
);
    logic signed [33:0] debt, share, length, after;
    logic [15:0] sent;

    assign share = 34'(slots);
    assign length = 34'(steps);
    assign send = run & (sent != slots) & (debt + share + share > 0);
    assign after = debt + share - (send ? length : '0);
    assign ready = after <= 0;

    always_ff @(posedge clk)
        if (reset) begin
            debt <= 0;
            sent <= 0;
        end else if (run) begin
            debt <= tick ? after : after - share;
            sent <= tick & last ? 0 : sent + 16'(send);
        end
endmodule
