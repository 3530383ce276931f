"""What a compression did, layer by layer and in all, as plain data."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from math import isfinite
from typing import Any

from accsim.compress.compressed import TRAINED_BITS, Compressed
from accsim.compress.measures import measure

COLUMNS = (
    "layer", "code", "weights", "bits", "activation_bits", "density", "zero_fraction", "encoding", "stored_bits",
    "value_bits", "metadata_bits", "compression_rate", "relative_l2", "sqnr_db", "entropy_bits",
)  # fmt: skip


def rows(compressed: Compressed) -> list[dict[str, Any]]:
    """One row per layer with weights.

    ``stored_bits`` are all of them, ``metadata_bits`` those that are no values (indices, masks, pointers, scales and
    tables). Errors are ``None`` where the layer has no trained weights of its shape, or where they are infinite.
    """
    measured = {} if compressed.model is None else {m.layer: m for m in measure(compressed.model)}
    activations = _activation_bits(compressed)
    out = []
    for name, stored in compressed.stored.items():
        found = measured.get(name)
        density = stored.density
        out.append(
            {
                "layer": name,
                "code": stored.code,
                "weights": stored.weights,
                "bits": stored.bits,
                "activation_bits": activations.get(name),
                "density": density,
                "zero_fraction": None if density is None else 1 - density,
                "encoding": stored.encoding,
                "stored_bits": stored.stored_bits,
                "value_bits": stored.stored_bits - stored.overhead_bits,
                "metadata_bits": stored.overhead_bits,
                "compression_rate": TRAINED_BITS * stored.weights / stored.stored_bits if stored.stored_bits else None,
                "relative_l2": _finite(found.relative_l2 if found else None),
                "sqnr_db": _finite(found.sqnr_db if found else None),
                "entropy_bits": found.entropy_bits if found else None,
            }
        )
    return out


def totals(compressed: Compressed) -> dict[str, Any]:
    """The whole network."""
    stored = tuple(compressed.stored.values())
    recipe = compressed.recipe
    model = compressed.model
    return {
        "network": compressed.network.name,
        "recipe": recipe.name,
        "source": recipe.source,
        "secondary": recipe.secondary,
        "passes": [] if model is None else [{one.name: dict(one.arguments)} for one in model.applied],
        "weights": sum(one.weights for one in stored),
        "trained_bits": compressed.trained_bits,
        "stored_bits": compressed.stored_bits,
        "metadata_bits": sum(one.overhead_bits for one in stored),
        "compression_rate": compressed.rate,
        "published_accuracy": [
            {"metric": a.metric, "value_pct": a.value_pct, "source": a.source} for a in recipe.accuracy
        ],
        "notes": list(compressed.notes()),
    }


def to_csv(found: Sequence[dict[str, Any]]) -> str:
    """The rows as CSV; nothing where there is no figure."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()


def _activation_bits(compressed: Compressed) -> dict[str, int]:
    """Bits of the feature map that each layer reads, as far as something is known of it."""
    if compressed.model is None:
        said = compressed.recipe.layers.items()
        return {name: layer.activation_bits for name, layer in said if layer.activation_bits is not None}
    known = compressed.model.activations
    reads = {layer.name: layer.inputs[0] for layer in compressed.network.layers if layer.inputs}
    return {name: known[reads[name]].bits for name in compressed.stored if reads.get(name) in known}


def _finite(value: float | None) -> float | None:
    return value + 0.0 if value is not None and isfinite(value) else None  # 0.0 for -0.0
