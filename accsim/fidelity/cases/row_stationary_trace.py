"""The row-stationary layer whose action counts were published, on the preset ``eyeriss``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from accsim.fidelity.compare import Obtained
from accsim.fidelity.validate import publication
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.pipeline import estimate
from accsim.simulate.activity import Action, Activity
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from accsim.workload.network import Network

CASE = "row-stationary-trace"
GEOMETRY = Geometry(N=4, G=1, M=64, C=8, P=13, Q=13, R=3, S=3, H=15, W=15)


@dataclass(frozen=True, slots=True)
class Found:
    """The layer, its mapping, and what it did."""

    geometry: Geometry
    mapping: RowStationaryMapping
    activity: Activity


def run() -> Found:
    """Count the layer."""
    g, machine = GEOMETRY, load_accelerator("eyeriss")
    dataflow = load_dataflow(machine.dataflow)
    if not isinstance(dataflow, RowStationaryDataflow):
        raise TypeError(f"{machine.dataflow} is not row stationary")
    mapping = RowStationaryMapping(dataflow, m=64, n=4, e=13, f=13, p=16, q=4, r=1, t=4)
    layer = Layer(
        "layer", LayerKind.CONV, ("input",), ((g.C, g.H, g.W),), (g.M, g.P, g.Q), g.N, g, weight_words=g.weight_words
    )
    network = Network("trace", (layer,), (g.C, g.H, g.W), g.N)
    result = estimate(network, machine, mapping={"layer": mapping})
    return Found(g, mapping, result.estimates[0].activity)


def obtained(found: Found) -> Obtained:
    """The published counts; a transaction of the filter and psum networks and of the buffer holds four words."""
    activity = found.activity
    accesses: Counter[tuple[str, Operand, Action]] = Counter()
    for count in activity.counts:
        accesses[count.level, count.operand, count.action] += count.accesses
    ifmap, weight, psum = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM
    slots = activity.macs // activity.pe_active_max
    words = (activity.macs - publication(CASE).number("gated_macs")) / found.mapping.p
    return {
        "mac_slots": activity.macs,
        "active_pes": activity.pe_active_max,
        "mac_slots_per_pe": slots,
        "noc": {
            "weight": accesses["gin_filter", weight, Action.SEND],
            "ifmap": accesses["gin_ifmap", ifmap, Action.SEND],
            "psum_write": accesses["gon_psum", psum, Action.SEND],
            "psum_read": accesses["gin_psum", psum, Action.SEND],
        },
        "ifmap_multicast": {f"{pes} PEs": words for pes, words in sorted(multicast(found).items())},
        "filter_spad": {"write": accesses["filter_spad", weight, Action.FILL]},
        "ifmap_spad": {
            "write": accesses["ifmap_spad", ifmap, Action.FILL],
            "read": accesses["ifmap_spad", ifmap, Action.READ],
        },
        "psum_spad": {
            "write": accesses["psum_spad", psum, Action.WRITE],
            "read": accesses["psum_spad", psum, Action.READ],
        },
        "filter_buffer": {
            "write": accesses["glb", weight, Action.FILL],
            "read": accesses["glb", weight, Action.READ],
        },
        "shared_buffer": {
            "write": accesses["glb", psum, Action.WRITE] + accesses["glb", ifmap, Action.FILL],
            "read": accesses["glb", psum, Action.READ] + accesses["glb", ifmap, Action.READ],
        },
        "ungated_macs": {"random": words, "reused": words * (found.mapping.p - 1)},
        "cycles": {"total": activity.processing_cycles, "idle": activity.processing_cycles - slots},
    }


def multicast(found: Found) -> dict[int, int]:
    """Ifmap words on the bus by the number of PEs that take each: the PEs (i, j) of all t sets with row i + j."""
    g, m = found.geometry, found.mapping
    pes = Counter(i + j for i in range(g.R) for j in range(m.e))
    words: Counter[int] = Counter()
    for takers in pes.values():
        words[takers * m.t] += g.N * g.C * g.W
    return dict(words)
