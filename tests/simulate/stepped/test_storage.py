"""Traffic watched tile by tile against the closed forms of the nest, and buffers that are too small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import MappingError
from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, RegisterFile, Sram
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Loop, Nest
from accsim.simulate.stepped.machine import Step
from accsim.simulate.stepped.storage import Moves, Storage
from accsim.simulate.stepped.walk import walk
from accsim.simulate.storage import Place, Residency, Traffic, traffic
from accsim.workload.layer import Geometry, Operand
from tests.naive.nest import NaiveNest
from tests.strategies import nests

IFMAP, WEIGHT, PSUM, OFMAP = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP
ALL = (IFMAP, WEIGHT, PSUM, OFMAP)
FLOW = SystolicDataflow(
    "os", ("P",), ("M",), ("C",), ("rows", "cols"), Delivery.HOP, Delivery.HOP, Reduction.IN_PE, Drain.SHIFT
)
BUFFERS = {
    "one for all": (("glb", ALL),),
    "one each": (("inputs", (IFMAP,)), ("filters", (WEIGHT,)), ("sums", (PSUM, OFMAP))),
    "finished outputs apart": (("ub", (IFMAP, OFMAP)), ("fifo", (WEIGHT,)), ("acc", (PSUM,))),
    "two deep": (("l2", ALL), ("l1", (IFMAP, WEIGHT, PSUM))),
    "no place for sums": (("ub", (IFMAP, WEIGHT, OFMAP)),),
    "none": (),
}


def machine(buffers: tuple[tuple[str, tuple[Operand, ...]], ...], bits: int = 10**9, copies: int = 1) -> Accelerator:
    srams = tuple(
        Sram(name, held, 64, (Partition(held, bits, tuple((operand, copies) for operand in held)),))
        for name, held in buffers
    )
    return Accelerator(
        name="toy",
        clock_mhz=100.0,
        array=Array(ArrayFamily.SYSTOLIC, 2, 2),
        pe=Pe(8, 8, 32, 8),
        levels=(Dram("dram", ALL, 8), *srams, RegisterFile("reg", ALL, 32, 1)),
        dataflow="os",
        energy_table="none",
    )


@st.composite
def places(draw: st.DrawFn, home: bool = True) -> Place:
    """A nest on a machine with any of those buffers, tiles held at any depth, tensors at home on chip or not."""
    nest, acc = draw(nests()), machine(draw(st.sampled_from(list(BUFFERS.values()))))
    hold = []
    for operand in (IFMAP, WEIGHT, PSUM):
        depth = 0
        for level in acc.buffers:
            if operand in level.operands:
                depth = draw(st.integers(depth, len(nest.loops)))
                hold.append((level.name, operand, depth))
    stay = [level.name for level in acc.buffers if IFMAP in level.operands and home]
    keep = [level.name for level in acc.buffers if OFMAP in level.operands and home]
    where = Residency(draw(st.sampled_from([None, *stay])), None, draw(st.sampled_from([None, *keep])))
    return Place(acc, SystolicMapping(FLOW, nest.loops, tuple(hold)), nest, where)


def share(operand: Operand, words: int) -> int:
    """Bits of a coded transfer: whole words of 64 bits for about three words each."""
    return -(-words // 3) * 64 if operand in (IFMAP, OFMAP) else words * 8


def watch(place: Place, exact: frozenset[Operand] = frozenset()) -> tuple[Traffic, list[tuple[Step, Moves]]]:
    storage = Storage(place, "layer", (), share, exact)
    moves = list(storage.walk(walk(place.nest, 0, 0)))
    storage.end()
    return storage.traffic(), moves


@given(place=places(), coded=st.sets(st.sampled_from((IFMAP, OFMAP))))
@settings(max_examples=300, deadline=None)
def test_words_seen_are_those_of_the_closed_forms(place: Place, coded: set[Operand]) -> None:
    seen, _ = watch(place, frozenset(coded))
    counted = traffic(place, share, frozenset(coded))
    assert seen.loads == counted.loads
    assert seen.spilled == counted.spilled
    assert seen.returned == counted.returned
    assert seen.finished == counted.finished == place.nest.geometry.ofmap_words
    assert {o: bits for o, bits in seen.coded_bits.items() if bits} == {
        o: bits for o, bits in counted.coded_bits.items() if bits
    }


@given(place=places(home=False))
@settings(max_examples=100, deadline=None)
def test_transfers_are_those_of_the_naive_walk(place: Place) -> None:
    """Which tiles come over the channel, in which order, and where sums leave and come back."""
    naive = NaiveNest(place.nest.geometry, place.nest.loops, place.nest.fetch_padding)
    _, moves = watch(place)
    for position, operand in enumerate((WEIGHT, IFMAP)):
        path = place.path(operand)
        depth = place.mapping.depth(path[1].name, operand) if len(path) > 1 else len(place.nest.loops)
        came = [tile.words for _, move in moves if (tile := move.fetched[position]) is not None]
        assert came == [naive.words(operand, tile) for tile in naive.loaded(operand, depth)]
    depth = place.output_depth()
    assert [m.output.words for _, m in moves if m.output] == [
        naive.words(PSUM, tile) for tile in naive.loaded(PSUM, depth)
    ]
    held: set[object] = set()
    for (_, move), tile in zip([m for m in moves if m[1].output], naive.loaded(PSUM, depth), strict=True):
        key = naive.tile(PSUM, tile)
        assert move.returns == (key in held)
        held.add(key)


ONE = Geometry(N=1, G=1, M=4, C=4, P=4, Q=1, R=1, S=1, H=4, W=1)
NEST = Nest(ONE, (Loop("M", 2), Loop("C", 2)))


def crowded(bits: int, copies: int = 1, reserved: tuple[Reserved, ...] = ()) -> None:
    acc = machine(BUFFERS["one for all"], bits, copies)
    mapping = SystolicMapping(FLOW, NEST.loops, (("glb", IFMAP, 2), ("glb", WEIGHT, 2), ("glb", PSUM, 1)))
    storage = Storage(Place(acc, mapping, NEST), "conv1", reserved, share)
    list(storage.walk(walk(NEST, 0, 0)))
    storage.end()


def test_tiles_that_just_fit() -> None:
    """4 weights, 8 pixels of 8 bits and 8 sums of 32 bits."""
    crowded(4 * 8 + 8 * 8 + 8 * 32)
    crowded(2 * (4 * 8 + 8 * 8 + 8 * 32), copies=2)


def test_a_buffer_that_overflows_names_what_is_in_it_and_what_would_help() -> None:
    with pytest.raises(MappingError) as error:
        crowded(351)
    assert str(error.value) == (
        "layer 'conv1': step 0: glb overflows with tiles of ifmap (64 bits) and weight (32 bits) and psum (256 bits): "
        "they need 352 bits but only 351 bits are free (1 bits too much); smaller steps in the mapping's loops, tiles "
        "held inside more of them, or 1 bits more of glb would help"
    )


def test_a_second_copy_overflows_when_it_arrives() -> None:
    """Two copies of the inputs are there at step 1, and the sums' second copy at step 2."""
    with pytest.raises(MappingError, match=r"step 2: glb overflows with tiles of ifmap \(64 bits \+ 64 bits\)"):
        crowded(2 * (4 * 8 + 8 * 8) + 8 * 32, copies=2)


def test_tensors_that_live_in_a_buffer_leave_less_of_it() -> None:
    with pytest.raises(MappingError, match="only 342 bits are free"):
        crowded(352, reserved=(Reserved("glb", 10, frozenset()),))
    crowded(352 - 64 + 10, reserved=(Reserved("glb", 10, frozenset({IFMAP})),))


def legal(place: Place, bits: int) -> Iterator[Accelerator]:
    for copies in (1, 2):
        acc = machine(tuple((lv.name, lv.operands) for lv in place.accelerator.buffers), bits, copies)
        if not buffer_misfits(acc, place.mapping, place.nest, 8):
            yield acc


@given(place=places(home=False), bits=st.integers(1, 20_000))
@settings(max_examples=150, deadline=None)
def test_a_mapping_that_is_legal_never_overflows(place: Place, bits: int) -> None:
    for acc in legal(place, bits):
        watch(replace(place, accelerator=acc))
