// Writes a register of all PEs after an edge as one line: edge, name, valid bits, words row by row.
`define DUMP(NAME, VALID, WORDS, LINES, LANES) \
    $fwrite(registers, "%0d %s %h", cycle - 1, NAME, VALID); \
    for (int i = 0; i < LINES; i++) for (int j = 0; j < LANES; j++) $fwrite(registers, " %h", WORDS[i][j]); \
    $fwrite(registers, "\n");
