"""Verifying the engines against each other: every layer stepped at full size, its outputs compared with the golden
kernels bit for bit, and its cycles and counters with the counted engine's.
"""
