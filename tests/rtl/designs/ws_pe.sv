// A weight-stationary PE. Every output to a neighbour is a register.
//
//        weight down    psum down
//             v             v
//   pixel ->[hop]--> x ---> + ---> pixel right
//             v             v
//
// With SHADOW the preload chain is a second register beside the weight in use: the pixel marked `first` moves the
// waiting word into use, so the next fold's weights pass while this one computes. Without it there is one register.
module ws_pe #(
    parameter int PIXEL_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int SUM_BITS = 32,
    parameter bit SHADOW = 1
) (
    input  logic clk,
    input  logic reset,

    input  logic                          load_in,    // the preload chain shifts into this PE
    input  logic signed [WEIGHT_BITS-1:0] weight_in,
    input  logic                          weight_in_valid,
    output logic                          loaded,     // it did on the last edge
    output logic signed [WEIGHT_BITS-1:0] weight,     // the preload register
    output logic                          weight_valid,

    input  logic signed [PIXEL_BITS-1:0]  pixel_in,
    input  logic                          pixel_in_valid,
    input  logic                          pixel_in_first,
    output logic signed [PIXEL_BITS-1:0]  pixel,
    output logic                          pixel_valid,
    output logic                          pixel_first,

    input  logic signed [SUM_BITS-1:0]    sum_in,
    input  logic                          sum_in_valid,
    output logic signed [SUM_BITS-1:0]    sum,
    output logic                          sum_valid,

    output logic signed [WEIGHT_BITS-1:0] held,       // the weight in use
    output logic                          held_valid,
    output logic                          mac         // a MAC on the coming edge
);
    logic signed [WEIGHT_BITS-1:0] used;
    logic used_valid, take;

    // A used row sends pixels, a used column holds weights: a PE works where both are.
    assign mac = pixel_in_valid & used_valid;

    always_ff @(posedge clk)
        if (reset) begin
            loaded <= 0;
            weight_valid <= 0;
            pixel_valid <= 0;
            sum_valid <= 0;
        end else begin
            loaded <= load_in;
            if (load_in) weight_valid <= weight_in_valid;
            else if (take) weight_valid <= 0;
            pixel_valid <= mac;
            sum_valid <= mac | sum_in_valid;
        end

    always_ff @(posedge clk) begin
        if (load_in) weight <= weight_in;
        pixel <= pixel_in;
        pixel_first <= pixel_in_first;
        sum <= (sum_in_valid ? sum_in : '0) + (mac ? SUM_BITS'(pixel_in) * SUM_BITS'(used) : '0);
    end

    if (SHADOW) begin : two_registers
        assign take = pixel_in_valid & pixel_in_first;
        assign used = take ? weight : held;
        assign used_valid = take ? weight_valid : held_valid;

        always_ff @(posedge clk)
            if (reset) held_valid <= 0;
            else if (take) held_valid <= weight_valid;

        always_ff @(posedge clk) if (take) held <= weight;
    end else begin : one_register
        assign take = 0;
        assign held = weight;
        assign held_valid = weight_valid;
        assign used = weight;
        assign used_valid = weight_valid;
    end
endmodule
