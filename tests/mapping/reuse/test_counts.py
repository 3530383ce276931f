"""Words moved by a tiling: worked examples, and equality with a walk through the loops, for every dataflow."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim import library
from accsim.mapping.dataflow_reader import load_any_dataflow
from accsim.mapping.reuse.counts import Reuse, input_energy, psum_energy
from accsim.mapping.reuse.dataflow import DIMENSIONS, Level, ReuseDataflow
from accsim.mapping.reuse.machine import AccessCosts, ReuseMachine
from accsim.mapping.reuse.options import options
from accsim.mapping.reuse.search import Problem
from accsim.mapping.reuse.tiling import Split, Tiling, bounds
from accsim.workload.layer import Geometry, Operand
from tests.naive.reuse import Walk, words

COSTS = (1, 2, 6, 200)  # RF, array, buffer, DRAM: Chen et al., ISCA 2016, Table IV
TABLE_IV = AccessCosts(mac=1, rf=1, array=2, buffer=6, dram=200)
W, I, O = Operand.WEIGHT, Operand.IFMAP, Operand.PSUM  # noqa: E741
FLOWS = {
    name: flow for name in library.names("dataflows") if isinstance(flow := load_any_dataflow(name), ReuseDataflow)
}
ROOMY = ReuseMachine(rows=4, cols=4, rf_words=10**6, buffer_words=10**6)


class TestEquations:
    """The worked examples of Chen, Emer and Sze, ISCA 2016, section VI."""

    def test_an_input_of_figure_8(self) -> None:
        assert input_energy(Reuse(1, 2, 3, 4), COSTS) == 1 * 200 + 2 * 6 + 6 * 2 + 24 * 1 == 248

    def test_a_psum_of_figure_9(self) -> None:
        assert psum_energy(Reuse(2, 3, 3, 2), COSTS) == 3 * 200 + 2 * 2 * 2 * 6 + 6 * 2 * 2 + 2 * 18 * 1 == 708

    def test_a_register_file_without_reuse_is_bypassed(self) -> None:
        assert input_energy(Reuse(1, 2, 3, 1), COSTS) == 200 + 12 + 12
        assert psum_energy(Reuse(1, 1, 1, 1), COSTS) == 200


def tiling(geometry: Geometry, **sizes: tuple[int, int, int]) -> Tiling:
    """Tile, unrolled and PE sizes by dimension; whole in the tile and one by one elsewhere if not given."""
    return Tiling(tuple(Split(bound, *sizes.get(dim, (bound, 1, 1))) for dim, bound in bounds(geometry).items()))


class TestByHand:
    """2 filters of 1 channel, 3 taps, on a row of 4 outputs: 24 MACs, 6 weights, 6 pixels, 8 outputs."""

    LAYER = Geometry(N=1, G=1, M=2, C=1, P=1, Q=4, R=1, S=3, H=1, W=6)

    def test_weight_stationary(self) -> None:
        """Six PEs hold the weights; each pixel is broadcast to both filters, the three taps are added on the array."""
        found = Problem(self.LAYER, FLOWS["isca16_weight_stationary"], ROOMY).counts(
            tiling(self.LAYER, M=(2, 2, 1), C=(1, 1, 1), S=(3, 3, 1), N=(1, 1, 1), P=(1, 1, 1), Q=(4, 1, 4))
        )
        assert found.macs == 24
        assert found.accesses == {
            W: {Level.DRAM: 6, Level.BUFFER: 0, Level.ARRAY: 6, Level.RF: 24},
            I: {Level.DRAM: 6, Level.BUFFER: 0, Level.ARRAY: 24, Level.RF: 0},
            O: {Level.DRAM: 8, Level.BUFFER: 0, Level.ARRAY: 24 - 8, Level.RF: 0},
        }

    def test_output_stationary(self) -> None:
        """Four PEs make four pixels of one filter after the other: pixels come again for the second filter."""
        found = Problem(self.LAYER, FLOWS["isca16_output_stationary_a"], ROOMY).counts(
            tiling(self.LAYER, M=(2, 1, 1), Q=(4, 4, 1), S=(3, 1, 3))
        )
        assert found.accesses == {
            W: {Level.DRAM: 6, Level.BUFFER: 0, Level.ARRAY: 24, Level.RF: 0},
            I: {Level.DRAM: 6, Level.BUFFER: 12, Level.ARRAY: 24, Level.RF: 0},
            O: {Level.DRAM: 8, Level.BUFFER: 0, Level.ARRAY: 0, Level.RF: 2 * (24 - 8)},
        }

    def test_no_local_reuse(self) -> None:
        """Two PEs share a pixel and read a weight each; every product goes to the buffer, to be added there."""
        found = Problem(self.LAYER, FLOWS["isca16_no_local_reuse"], ROOMY).counts(
            tiling(self.LAYER, M=(2, 2, 1), C=(1, 1, 1))
        )
        assert found.accesses == {
            W: {Level.DRAM: 6, Level.BUFFER: 24, Level.ARRAY: 0, Level.RF: 0},
            I: {Level.DRAM: 6, Level.BUFFER: 12, Level.ARRAY: 24, Level.RF: 0},
            O: {Level.DRAM: 8, Level.BUFFER: 2 * (24 - 8), Level.ARRAY: 0, Level.RF: 0},
        }

    def test_row_stationary(self) -> None:
        """One PE, both filters and all taps in it: a pixel is used up to six times, a weight four times."""
        found = Problem(self.LAYER, FLOWS["isca16_row_stationary"], ROOMY).counts(
            tiling(self.LAYER, M=(2, 1, 2), Q=(4, 1, 4), S=(3, 1, 3))
        )
        assert found.accesses == {
            W: {Level.DRAM: 6, Level.BUFFER: 0, Level.ARRAY: 6, Level.RF: 24},
            I: {Level.DRAM: 6, Level.BUFFER: 0, Level.ARRAY: 6, Level.RF: 24},
            O: {Level.DRAM: 8, Level.BUFFER: 0, Level.ARRAY: 0, Level.RF: 2 * (24 - 8)},
        }

    def test_what_a_pe_holds(self) -> None:
        """A psum, and FIFOs of 4 + 4 x 11 words at stride 4 and 11 taps: the 98 bytes of Fig. 7b; along rows 4 + 1."""
        conv1 = Geometry(N=1, G=1, M=96, C=3, P=55, Q=55, R=11, S=11, H=227, W=227, stride_h=4, stride_w=4)
        block = {"P": (8, 8, 1), "Q": (8, 8, 1), "C": (3, 1, 3), "R": (11, 1, 11), "S": (11, 1, 11), "M": (96, 1, 1)}
        a = Problem(conv1, FLOWS["isca16_output_stationary_a"], ROOMY).demand(tiling(conv1, **block, N=(1, 1, 1)))
        assert 2 * a.rf_words == 98
        b = Problem(conv1, FLOWS["isca16_output_stationary_b"], ROOMY).demand(
            tiling(conv1, **{**block, "P": (1, 1, 1)}, N=(1, 1, 1))
        )
        assert 2 * b.rf_words == 10


dimension = st.sampled_from(DIMENSIONS)
geometries = st.builds(
    lambda n, m, c, p, q, r, s, u, v, d: Geometry(
        N=n, G=1, M=m, C=c, P=p, Q=q, R=r, S=s, H=99, W=99, stride_h=u, stride_w=v, dilation_h=d, dilation_w=d
    ),
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4),
    st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2),
)  # fmt: skip


@st.composite
def dataflows(draw: st.DrawFn) -> ReuseDataflow:
    """Any dataflow of the grammar; what is unrolled or in a PE may be cut elsewhere or not."""
    order = st.permutations(DIMENSIONS)

    def some() -> tuple[str, ...]:
        chosen = draw(st.sets(dimension))
        return tuple(dim for dim in draw(order) if dim in chosen)

    places = [some(), some(), some(), some()]
    for dim in DIMENSIONS:
        if not any(dim in place for place in places):
            at = draw(st.integers(0, 3))
            places[at] = (*places[at], dim)
    tiles, passes, rows, pe = places
    return ReuseDataflow(
        "any", tiles, passes, rows, (), pe,
        buffer=(*draw(st.sampled_from([(), (W,), (I,), (W, I)])), O),
        direct=draw(st.sampled_from([(), (W,), (I,)])),
        apart=tuple(dim for dim in rows if dim in draw(st.sets(st.sampled_from("CRS")))),
    )  # fmt: skip


@given(data=st.data(), geometry=geometries, flow=st.one_of(st.sampled_from(list(FLOWS.values())), dataflows()))
@settings(max_examples=150, deadline=None)
def test_closed_form_equals_the_walk(data: st.DataObject, geometry: Geometry, flow: ReuseDataflow) -> None:
    """Distinct words of every tile, pass and PE, loaded when a loop that indexes them, or one around it, moves on."""
    choices = options(geometry, flow, ROOMY)
    one = Tiling(tuple(data.draw(st.sampled_from(splits)) for splits in choices.splits))
    problem, walk = Problem(geometry, flow, ROOMY), Walk(geometry, flow, one)
    found = problem.counts(one)
    assert found.macs == walk.macs() == geometry.macs
    expected: dict[Operand, dict[Level, int]] = {}
    for operand in (W, I):
        fetched, moved, taken = walk.fetched(operand), walk.to_array(operand), walk.to_pes(operand)
        if operand in flow.direct:
            moved, taken = taken, 0
        if operand not in flow.buffer or moved <= fetched:  # read once after it came, if at all: it streams
            fetched, moved = moved, 0
        rf = walk.macs() if walk.reused(operand) else 0
        expected[operand] = {Level.DRAM: fetched, Level.BUFFER: moved, Level.ARRAY: taken, Level.RF: rf}
    visits, sums = walk.sums_to_buffer(), walk.to_pes(O)
    expected[O] = {
        Level.DRAM: geometry.ofmap_words,
        Level.BUFFER: 2 * (visits - geometry.ofmap_words),
        Level.ARRAY: sums - visits,
        Level.RF: 2 * (walk.macs() - sums),
    }
    assert found.accesses == expected
    need = problem.words(one)[4]
    for index, operand in enumerate((W, I, O)):
        held = walk.live(operand) if walk.reused(operand) else 0
        assert need[index] == held if operand is not I else need[index] >= held
    tile = problem.demand(one).buffer_words
    for operand in (W, I):
        if operand in tile:
            assert tile[operand] == max(len(words(geometry, operand, p.tile)) for p in walk.passes)


@pytest.mark.parametrize("name", FLOWS)
def test_equation_3_and_4_give_what_is_charged(name: str) -> None:
    """Per word, as factors, and summed; a buffer or an array that an operand passes is not charged."""
    flow, geometry = FLOWS[name], Geometry(N=2, G=1, M=4, C=2, P=4, Q=4, R=2, S=2, H=5, W=5)
    problem = Problem(geometry, flow, ROOMY)
    one = Tiling(tuple(splits[len(splits) // 2] for splits in options(geometry, flow, ROOMY).splits))
    factors = problem.reuse(one)
    total = geometry.macs + geometry.ofmap_words * psum_energy(factors[O], COSTS)
    for operand, unique in ((W, geometry.weight_words), (I, geometry.ifmap_words)):
        reuse, accesses = factors[operand], problem.counts(one).accesses[operand]
        total += unique * input_energy(reuse, COSTS)
        if not accesses[Level.BUFFER]:
            total -= unique * reuse.dram * reuse.buffer * 6
        if not accesses[Level.ARRAY]:
            total -= unique * reuse.dram * reuse.buffer * reuse.array * 2
        assert reuse.dram * reuse.buffer * reuse.array * reuse.rf * unique == pytest.approx(
            geometry.macs if accesses[Level.RF] or operand in flow.direct else accesses[Level.ARRAY]
        )
    assert sum(problem.energy(one, TABLE_IV).values()) == pytest.approx(total)
    energy = problem.energy(one, TABLE_IV)
    counted = problem.counts(one)
    costs = {Level.DRAM: 200, Level.BUFFER: 6, Level.ARRAY: 2, Level.RF: 1}
    assert energy["alu"] == geometry.macs
    for level, cost in costs.items():
        assert energy[level.value] == cost * counted.at(level)
