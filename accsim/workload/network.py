"""A network: layers in execution order, with the graph that joins them."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.workload.layer import Layer


@dataclass(frozen=True, slots=True)
class Network:
    """A neural network with every size inferred.

    Attributes:
        name: its name in the library, or the file's stem.
        layers: layers in execution order; each reads only earlier layers or ``"input"``. In a selection of a network's
            layers, some of what they read is not among them.
        input_shape: shape of the network's input for one batch entry.
        batch: batch entries N.
        description: one line on what it is and which convention it follows.
        source: where the definition comes from.
        bindings: values of the free sizes (``sequence`` ...) that were bound.
    """

    name: str
    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    batch: int = 1
    description: str = ""
    source: str = ""
    bindings: tuple[tuple[str, int], ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole batch."""
        return sum(layer.macs for layer in self.layers)

    @property
    def mac_layers(self) -> tuple[Layer, ...]:
        """The layers that run on the MAC array."""
        return tuple(layer for layer in self.layers if layer.kind.has_macs)

    @property
    def weight_words(self) -> int:
        """Weights of conv and fc layers, bias excluded."""
        return sum(layer.weight_words for layer in self.mac_layers)

    def layer(self, name: str) -> Layer:
        """Return the layer called ``name``.

        Raises:
            KeyError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)
