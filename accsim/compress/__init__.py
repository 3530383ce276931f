"""Compressed networks: what the passes leave of a layer's weights, and how those are stored."""
