// An output-stationary PE: the sum stays, both operands pass. Every output to a neighbour is a register.
//
//        weight down      drain down
//             v               v
//   pixel ->[hop]-> x -> + ->[sum]     a pixel marked `first` starts a sum, one marked `last` completes it,
//             v               v           one marked `bottom` is in the last used row
//
// With SHADOW a complete sum moves to a drain register and leaves from there while the next sum grows. Without it the
// sum registers themselves are the shift chain, when control says that the whole array is done.
module os_pe #(
    parameter int PIXEL_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter bit SHADOW = 1
) (
    input  logic clk,
    input  logic reset,

    input  logic signed [PIXEL_BITS-1:0]  pixel_in,
    input  logic                          pixel_in_valid,
    input  logic                          pixel_in_first,
    input  logic                          pixel_in_last,
    input  logic                          pixel_in_bottom,
    output logic signed [PIXEL_BITS-1:0]  pixel,
    output logic                          pixel_valid,
    output logic                          pixel_first,
    output logic                          pixel_last,
    output logic                          pixel_bottom,

    input  logic signed [WEIGHT_BITS-1:0] weight_in,
    input  logic                          weight_in_valid,
    output logic signed [WEIGHT_BITS-1:0] weight,
    output logic                          weight_valid,

    input  logic                          release_sums,   // the column shifts: its last sum is complete
    input  logic signed [SUM_BITS-1:0]    leaving_in,     // the complete sum of the PE above
    input  logic                          leaving_in_moves,
    output logic signed [SUM_BITS-1:0]    leaving,
    output logic                          leaving_valid,
    output logic                          leaving_moves,  // on the coming edge

    output logic signed [SUM_BITS-1:0]    sum,
    output logic                          sum_valid,
    output logic                          mac,            // a MAC on the coming edge
    output logic                          complete,       // the last one of this sum
    output logic                          column_complete // and this is the last used row of its column
);
    logic signed [SUM_BITS-1:0] grown;

    // A used row sends pixels and a used column weights: a PE works where both are.
    assign mac = pixel_in_valid & weight_in_valid;
    assign grown = (pixel_in_first ? '0 : sum) + SUM_BITS'(pixel_in) * SUM_BITS'(weight_in);
    assign complete = mac & pixel_in_last;
    assign column_complete = complete & pixel_in_bottom;

    always_ff @(posedge clk)
        if (reset) begin
            pixel_valid <= 0;
            weight_valid <= 0;
        end else begin
            pixel_valid <= mac;
            weight_valid <= mac;
        end

    always_ff @(posedge clk) begin
        pixel <= pixel_in;
        pixel_first <= pixel_in_first;
        pixel_last <= pixel_in_last;
        pixel_bottom <= pixel_in_bottom;
        weight <= weight_in;
    end

    if (SHADOW) begin : drain_register
        logic on_its_way;  // released on an earlier edge; sums above it may not be yet

        assign leaving_moves = leaving_valid & (release_sums | on_its_way);

        always_ff @(posedge clk)
            if (reset) begin
                sum_valid <= 0;
                leaving_valid <= 0;
            end else begin
                if (mac) sum_valid <= ~pixel_in_last;
                leaving_valid <= complete | leaving_in_moves | (leaving_valid & ~leaving_moves);
            end

        always_ff @(posedge clk) begin
            if (mac) sum <= grown;
            if (complete) leaving <= grown;
            else if (leaving_in_moves) leaving <= leaving_in;
            on_its_way <= ~complete & (leaving_in_moves | on_its_way);
        end
    end else begin : shift_chain
        assign leaving = sum;
        assign leaving_moves = leaving_valid & release_sums;

        always_ff @(posedge clk)
            if (reset) begin
                sum_valid <= 0;
                leaving_valid <= 0;
            end else begin
                if (mac) sum_valid <= ~pixel_in_last;
                leaving_valid <= complete | leaving_in_moves | (leaving_valid & ~leaving_moves & ~mac);
            end

        always_ff @(posedge clk)
            if (mac) sum <= grown;
            else if (leaving_in_moves) sum <= leaving_in;
    end
endmodule
