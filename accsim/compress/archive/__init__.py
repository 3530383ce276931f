"""Models as ``.npz`` archives, whole: every code of weights and feature maps comes back exactly as it was.

Arrays, by layer and name:

==================================  ===================================================================================
``LAYER.weight``                    values [M, C / G, R, S]; a fully connected layer's also [M, inputs]. Where weights
                                    have a code, these are its values in float32, for other programs to read
``LAYER.bias``                      [M]
``LAYER.codes``, ``.scale`` ...     what the code is made of, under the names of its attributes (``compress.codes``)
``LAYER.mask``                      bool, where weights were pruned: which are kept
``LAYER.gamma|beta|mean|variance``  of a batch norm, [channels]; of a layer norm gamma and beta, [width]
``LAYER.table``                     rows of an embedding, or rows that read nothing, [entries, width]
``LAYER.slope``                     of a PReLU: one, or one per channel
``network``                         the network's file as bytes; without it the file lies beside the archive, under the
                                    archive's name with ``.yaml``
``model``                           JSON as bytes: what arrays do not say (kinds of codes, grains, encodings, codes of
                                    feature maps, epsilons, passes, where the values come from; of a compressed network
                                    also its recipe and each layer's exact bits)
==================================  ===================================================================================

An archive of your own needs only values: weights, biases and norms by layer.
"""

from accsim.compress.archive.reader import holds_network, read_model, read_recipe
from accsim.compress.archive.writer import compressed_bytes, model_bytes

__all__ = ["compressed_bytes", "holds_network", "model_bytes", "read_model", "read_recipe"]
