// The multicast controller of a PE: it takes a word whose tag is its own, if its row and column are used.
module rs_listen
    import rs_pkg::*;
#(
    parameter int ROW = 0,
    parameter int COL = 0,
    parameter int TAG = 0
) (
    input  logic   send,
    input  route_t route,
    output logic   take
);
    assign take = send & (route.tag == 16'(TAG)) & (16'(ROW) >= route.top) & (16'(ROW) < route.rows)
        & (16'(COL) < route.cols);
endmodule
