"""Results as the pipeline writes them, made by hand: plausible figures for a machine of the Eyeriss kind.

The sums hold (energy = sum of its rows, cycles = sum of their parts), so that a report can be checked against them.
"""

from __future__ import annotations

from typing import Any

LEVELS = [
    ("dram", "dram", 1, None, 64, ["ifmap", "weight", "ofmap", "metadata"]),
    ("glb", "sram", 1, 108 * 8192, 64, ["ifmap", "weight", "psum", "ofmap"]),
    ("gin_ifmap", "noc", 1, None, 16, ["ifmap"]),
    ("gin_filter", "noc", 1, None, 64, ["weight"]),
    ("gon_psum", "noc", 1, None, 64, ["psum", "ofmap"]),
    ("ifmap_spad", "rf", 168, 12 * 16, 16, ["ifmap"]),
    ("filter_spad", "rf", 168, 224 * 16, 16, ["weight"]),
    ("psum_spad", "rf", 168, 24 * 16, 16, ["psum"]),
    ("pe", "pe", 168, None, None, []),
    ("vector", "vector", 1, None, None, []),
]
PJ = {"dram": 200, "glb": 6, "gin_ifmap": 2, "gin_filter": 2, "gon_psum": 2, "pe": 1, "vector": 1}
ALEXNET = [
    ("conv1", "conv", 96, 3, 55, 11, 227),
    ("relu1", "activation", 96, 96, 55, 1, 55),
    ("pool1", "pool", 96, 96, 27, 3, 55),
    ("conv2", "conv", 256, 48, 27, 5, 27),
    ("pool2", "pool", 256, 256, 13, 3, 27),
    ("conv3", "conv", 384, 256, 13, 3, 13),
    ("conv4", "conv", 384, 192, 13, 3, 13),
    ("conv5", "conv", 256, 192, 13, 3, 13),
    ("pool5", "pool", 256, 256, 6, 3, 13),
    ("fc6", "fc", 4096, 256, 1, 6, 6),
    ("fc7", "fc", 4096, 4096, 1, 1, 1),
    ("fc8", "fc", 1000, 4096, 1, 1, 1),
]


def shapes(count: int) -> list[tuple[str, str, int, int, int, int, int]]:
    """(name, kind, M, C, P, R, H) of ``count`` layers: AlexNet's 12, or a made-up residual network."""
    if count == len(ALEXNET):
        return ALEXNET
    out = []
    for index in range(count):
        stage = min(4, 5 * index // max(1, count))
        width, size = 64 * 2**stage, max(7, 112 >> stage)
        name = f"stage{stage + 1}.block{index // 4 + 1}"
        made = [
            (f"{name}.conv1", "conv", width, 2 * width, size, 1, size),
            (f"{name}.conv2", "conv", width, width, size, 3, size),
            (f"{name}.conv3", "conv", 2 * width, width, size, 1, size),
            (f"{name}.add", "add", 2 * width, 2 * width, size, 1, size),
        ]
        out.append(made[index % 4])
    return out


def sample_result(count: int = 12, batch: int = 4, described: bool = True) -> dict[str, Any]:
    """A result with ``count`` layers; ``described`` adds the optional keys."""
    layers: list[dict[str, Any]] = []
    start = 0
    for index, shape in enumerate(shapes(count)):
        layer = _layer(index, *shape, batch=batch, start=start)
        start += layer["cycles"]["total"]
        layers.append(layer)
    energy = {"total": sum(layer["energy"]["total"] for layer in layers)}
    for name, *_ in LEVELS:
        energy[name] = sum(layer["energy"].get(name, 0.0) for layer in layers)
    keys = ("total", "compute", "fill", "drain", "stall")
    ms = start / 200e3
    result: dict[str, Any] = {
        "schema": 1,
        "accsim": "0.1.0",
        "workload": "alexnet" if count == 12 else f"network_{count}",
        "hardware": "eyeriss",
        "dataflow": "row_stationary",
        "recipe": None,
        "batch": batch,
        "engine": "counted",
        "values": "expected",
        "clock_mhz": 200,
        "energy_table": {"name": "eyeriss_65nm", "unit": "pJ", "transfer_rule": "both_ends"},
        "levels": [{"name": n, "kind": k, "instances": i} for n, k, i, *_ in LEVELS],
        "layers": layers,
        "totals": {
            "macs": sum(layer["macs"] for layer in layers),
            "cycles": {key: sum(layer["cycles"][key] for layer in layers) for key in keys},
            "latency_ms": ms,
            "energy": energy,
            "power_mw": (energy["total"] - energy["dram"]) / ms * 1e-6 if ms else None,
            "system_power_mw": energy["total"] / ms * 1e-6 if ms else None,
            "fps": batch / ms * 1e3 if ms else None,
            "area_mm2": 9.84,
        },
        "not_modelled": ["control logic and clock tree outside the PEs", "DRAM refresh"],
        "notes": ["ifmaps and ofmaps are run-length coded off chip; their sizes are expectations."],
        "warnings": ["no density is known for fc8; it is taken as dense"] if count == 12 else [],
    }
    return result | _description() if described else result


def _layer(
    index: int, name: str, kind: str, m: int, c: int, p: int, r: int, h: int, *, batch: int, start: int
) -> dict[str, Any]:
    mac = kind in ("conv", "fc")
    macs = batch * m * c * p * p * r * r if mac else 0
    words = {"ifmap": batch * c * h * h, "weight": m * c * r * r if mac else 0, "ofmap": batch * m * p * p}
    pes = 135 + 7 * (index % 4) if mac else 0
    compute = -(-macs // pes) if mac else words["ofmap"] // 4
    fill, drain = (compute // 40, compute // 60) if mac else (0, 0)
    moved = 16 * (words["ifmap"] // 2 + words["weight"] + words["ofmap"] // 2 + words["ifmap"] // 16)
    stall = max(0, int(moved / 19.2) + 1 - compute - fill - drain)
    total = compute + fill + drain + stall
    activity = _activity(words, macs)
    energy: dict[str, float] = {}
    for row in activity:
        energy[row["level"]] = energy.get(row["level"], 0.0) + row["energy"]
    slots = 168 * total - macs
    idle = {"unused_rows_and_columns": (168 - pes) * compute, "fill_and_drain": 168 * (fill + drain)} if mac else {}
    return {
        "name": name,
        "kind": kind,
        "macs": macs,
        "effectual_macs": macs * 0.62,
        "start_cycle": start,
        "cycles": {"total": total, "compute": compute, "fill": fill, "drain": drain, "stall": stall},
        "stalls": {"dram": stall - stall // 10, "glb": stall // 10},
        "processing_ms": (total - stall) / 200e3,
        "latency_ms": total / 200e3,
        "pe": {
            "active_max": pes,
            "active_average": pes * 0.96,
            "utilization": min(1.0, macs / (168 * total)) if total else 0.0,
            "idle_slots": idle | {"waiting": max(0, slots - sum(idle.values()))},
        },
        "tensors": {
            op: {
                "bits": 16,
                "encoding": "run_length" if op != "weight" else "dense",
                "stored_bits": n * 16,
                "metadata_bits": n * 2 if op != "weight" else 0,
                "density": 0.41 if op != "weight" else None,
                "lived_in": "dram",
            }
            for op, n in words.items()
            if n
        },
        "activity": activity,
        "energy": {"total": sum(energy.values())} | energy,
        "mapping": {"m": 64, "n": min(4, batch), "e": 13, "p": 16, "q": 3, "r": 2, "t": 2, "loops": list("GMECmnk")}
        if mac
        else {},
        "notes": ["q=3 r=2 t=2: the printed q=4 r=1 t=4 does not give the published traffic"]
        if name == "conv3"
        else [],
        "warnings": [],
    }


def _activity(words: dict[str, int], macs: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def row(level: str, operand: str, action: str, accesses: int, width: int = 16, peer: str | None = None) -> None:
        if accesses:
            extra = {"peer": peer} if peer else {}
            cost = PJ.get(level, 1) * 1.23 * (width / 16 or 1)
            rows.append(
                {"level": level, "operand": operand, "action": action, "accesses": accesses, "bits": accesses * width}
                | {"energy": accesses * cost}
                | extra
            )

    row("dram", "ifmap", "read", words["ifmap"] // 2, peer="glb")
    row("dram", "weight", "read", words["weight"], peer="glb")
    row("dram", "ofmap", "write", words["ofmap"] // 2, peer="glb")
    row("dram", "metadata", "read", words["ifmap"] // 16)
    row("glb", "ifmap", "fill", words["ifmap"], peer="dram")
    row("glb", "ofmap", "read", words["ofmap"], peer="dram")
    if macs:
        row("glb", "ifmap", "read", 4 * words["ifmap"], peer="gin_ifmap")
        row("glb", "weight", "fill", words["weight"], peer="dram")
        row("glb", "psum", "read", 3 * words["ofmap"])
        row("glb", "psum", "write", 3 * words["ofmap"])
        row("gin_ifmap", "ifmap", "send", 4 * words["ifmap"])
        row("gin_ifmap", "ifmap", "deliver", 9 * words["ifmap"])
        row("gin_filter", "weight", "send", words["weight"])
        row("gon_psum", "psum", "send", 3 * words["ofmap"])
        row("ifmap_spad", "ifmap", "read", macs)
        row("ifmap_spad", "ifmap", "write", 9 * words["ifmap"])
        row("filter_spad", "weight", "read", int(macs * 0.41))
        row("filter_spad", "weight", "write", words["weight"] * 3)
        row("psum_spad", "psum", "read", macs)
        row("psum_spad", "psum", "write", macs)
        row("pe", "compute", "mac", int(macs * 0.41), 0)
        row("pe", "compute", "gated_mac", macs - int(macs * 0.41), 0)
    row("vector", "compute", "op", words["ofmap"], 0)
    return rows


def _description() -> dict[str, Any]:
    levels = [
        {
            "name": name,
            "kind": kind,
            "instances": instances,
            "size_bits": size,
            "width_bits": width,
            "operands": operands,
            "source": "Chen et al., JSSC 2017, Table III" if kind in ("sram", "rf") else None,
        }
        for name, kind, instances, size, width, operands in LEVELS
    ]
    return {
        "command": "accsim run alexnet --hardware eyeriss --batch 4 --html report.html",
        "versions": {"python": "3.11.9", "numpy": "2.4.6"},
        "hardware_description": {
            "description": "The Eyeriss chip, 168 row-stationary PEs of 16 bits in 65 nm",
            "source": "Chen, Krishna, Emer and Sze, IEEE J. Solid-State Circuits 52(1), 2017",
            "node_nm": 65,
            "voltage_v": 1.0,
            "clock_mhz": 200,
            "area_mm2": 12.25,
            "peak_macs_per_cycle": 168,
            "dram_bits_per_cycle": 19.2,
            "array": {"family": "row_stationary", "rows": 12, "cols": 14, "edge_taps": False},
            "pe": {"weight_bits": 16, "activation_bits": 16, "accumulator_bits": 16, "zero_gating": True},
            "levels": levels,
            "assumed": ["levels.glb ports: the buffer keeps up with its networks"],
        },
        "area": {
            "by_level": {"glb": 2.1, "ifmap_spad": 0.6, "filter_spad": 3.4, "psum_spad": 0.9, "pe": 2.84},
            "notes": ["networks on chip have no area figure"],
        },
        "energy_table": {
            "name": "eyeriss_65nm",
            "unit": "pJ",
            "transfer_rule": "both_ends",
            "description": "the normalised ratios times one constant, calibrated on the chip's AlexNet power",
            "entries": [
                {
                    "component": name,
                    "action": "access",
                    "energy_pj": 1.23 * pj,
                    "width_bits": 16,
                    "node_nm": 65,
                    "source": "Sze et al., Proc. IEEE 2017, Fig. 22",
                }
                for name, pj in PJ.items()
            ],
            "sources": {
                "sze2017": "Sze, Chen, Yang and Emer, Proc. IEEE 105(12), 2017, https://arxiv.org/abs/1703.09039"
            },
        },
    }
