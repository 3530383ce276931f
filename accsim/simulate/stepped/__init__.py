"""The stepped engine: machines advanced one clock edge at a time, with real operands."""
