"""What a stored weight is: the codes of the compression literature, each with the values that it stands for.

Weights are [M, C / G, R, S]. A code knows its values exactly; where the hardware multiplies integers, ``integers``
gives them, and the values are the integers times the scale. Which weights are pruned is not part of a code: what it
says of a pruned weight means nothing (see ``model.LayerParameters.kept``).
"""

from accsim.compress.codes.base import Code, Extra, Float, Ints
from accsim.compress.codes.codebook import Codebook, KernelCodebook, ProductCodebook
from accsim.compress.codes.composed import Outliers, Transformed
from accsim.compress.codes.power_of_two import PowerOfTwo
from accsim.compress.codes.signs import Binary, Planes, Ternary
from accsim.compress.codes.uniform import Uniform
from accsim.compress.grain import REAL_BITS

__all__ = [
    "REAL_BITS", "Binary", "Code", "Codebook", "Extra", "Float", "Ints", "KernelCodebook", "Outliers", "Planes",
    "PowerOfTwo", "ProductCodebook", "Ternary", "Transformed", "Uniform",
]  # fmt: skip
