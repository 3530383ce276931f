"""Products with weights as they are stored: indices into books of numbers, codewords or kernels, and powers of two.

``codebook``, ``product``, ``clusters`` and ``shift`` each have a type for coded weights, with ``decode``, and products.
"""

from accsim.kernels.coded.clusters import Clusters
from accsim.kernels.coded.codebook import Codebook
from accsim.kernels.coded.product import ProductCodebook
from accsim.kernels.coded.shift import Powers

__all__ = ["Clusters", "Codebook", "Powers", "ProductCodebook"]
