"""A made-up sweep of any size."""

from __future__ import annotations

import random

from accsim.report.sweep.points import Metric, SweepPoint, SweepView

ENERGY = Metric("energy", "energy", "J", 1e-12)
LATENCY = Metric("latency_ms", "latency", "s", 1e-3)
PRODUCT = Metric("edp", "energy-delay product", "J s", 1e-15)
AREA = Metric("area_mm2", "area", "mm²", prefixed=False)
NASTY = "<script>document.title='owned'</script>"


def sweep_view(count: int, seed: int = 0, names: tuple[str, ...] = ("weight_stationary", NASTY)) -> SweepView:
    """Points of arrays, buffers and dataflows with figures that depend on them."""
    draw = random.Random(seed)
    points = []
    for place in range(count):
        rows, cols = draw.choice((8, 12, 16, 32)), draw.choice((8, 14, 16))
        size, flow = draw.choice((16, 64, 108)), draw.choice(names)
        energy = 1e9 * (1 + 3 / rows) * (1 + 100 / size) * draw.uniform(0.9, 1.3)
        latency = 9000 / (rows * cols) * draw.uniform(0.9, 1.5) + 1
        points.append(
            SweepPoint(
                place,
                {
                    "workload": "alexnet", "array.rows": rows, "array.cols": cols, "levels.glb.size": f"{size} KiB",
                    "dataflow": flow,
                },
                {"energy": energy, "latency_ms": latency, "edp": energy * latency, "area_mm2": rows * cols / 99 + size},
                {"dram": energy * 0.6, "glb": energy * 0.3, "pe": energy * 0.1},
                f"accsim run alexnet --set array.rows={rows}",
            )
        )  # fmt: skip
    return SweepView(
        title=f"arrays {NASTY}",
        unit="pJ",
        metrics=(ENERGY, LATENCY, PRODUCT, AREA),
        points=points,
        planned=count + 3,
        infeasible=[("layer 'conv1': needs 30 KiB", 2)],
        failed=[("it broke", 1)],
        infeasible_points=2,
        failed_points=1,
        spaces=[("space", "workload: alexnet\n")],
        command="accsim sweep report a.sqlite",
        facts=[("accsim", "0")],
    )
