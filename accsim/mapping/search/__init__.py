"""The search for a layer's mapping: sound lower bounds by compiled code, then the exact engine in their order."""
