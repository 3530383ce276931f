"""accsim: cycles, energy and area of neural networks on accelerators."""

__version__ = "0.1.0"
