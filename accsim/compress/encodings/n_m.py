"""N:M structured sparsity: at most N non-zero words in every M."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.frame import Array, Frame, Integers, index_bits
from accsim.compress.encodings.stream import Field
from accsim.errors import AccsimError

MOST_M = 64
ARGUMENTS = re.compile(r"(\d{1,3}):(\d{1,3})(?:,axis=(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class StructuredNM(Encoding):
    """N codes and their N places for every M consecutive words: K N / M (b + ceil(log2 M)) bits, whatever the values.

    ::

        codes  | group 0: N words of b bits | group 1 | ...
        places | group 0: N of ceil(log2 M) bits, rising | group 1 | ...

    Words are consecutive along one axis: dimension 1 (input channels of a weight, the summed dimension of a matrix)
    unless another is given; dimension 0 of a vector. A last group that reaches past the end is filled with zeros. A
    group with fewer than N non-zero words stores its first zeros as well.

    Attributes:
        n, m: N of M; 1 <= N <= M <= 64.
        axis: dimension along which words are grouped.

    Source: Mishra et al., "Accelerating Sparse Deep Neural Networks", arXiv 2104.08378, 2021, section 3 (2:4, two
    values and two 2-bit indices for four words).
    """

    name: ClassVar[str] = "nm"
    usage: ClassVar[str] = "nm:N:M[,axis=A]"

    n: int = 2
    m: int = 4
    axis: int = 1

    @property
    def arguments(self) -> str:
        """N, M, and an axis that is not 1."""
        return f"{self.n}:{self.m}" + ("" if self.axis == 1 else f",axis={self.axis}")

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """``N:M`` or ``N:M,axis=A``."""
        found = ARGUMENTS.fullmatch(arguments)
        if not found:
            raise AccsimError(f"it takes N:M or N:M,axis=A, got {arguments!r}")
        n, m = int(found[1]), int(found[2])
        if not 1 <= n <= m <= MOST_M:
            raise AccsimError(f"N:M must have 1 <= N <= M <= {MOST_M}, got {n}:{m}")
        return cls(huffman=huffman, n=n, m=m, axis=int(found[3] or 1))

    def check(self, frame: Frame) -> None:
        """The axis must be one of the tensor's."""
        if self._axis(frame) >= max(1, len(frame.shape)):
            raise AccsimError(f"{self}: a tensor of shape {frame.shape} has no dimension {self.axis}")

    def groups(self, frame: Frame) -> int:
        """Groups of M words."""
        along = self._along(frame)
        return frame.size // along * -(-along // self.m)

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Codes and places."""
        stored = self.groups(frame) * self.n
        expect_stream_counts(counts, "codes and places", counts == (stored, stored))
        return (Field("codes", stored, frame.bits, is_value=True), Field("places", stored, index_bits(self.m)))

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """N words for every group, twice."""
        self._check_groups(codes)
        stored = self.groups(codes.frame) * self.n
        return (stored, stored)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Codes and places, group by group."""
        self._check_groups(codes)
        groups = self._grouped(codes.frame, codes.values)
        at = np.sort(np.argsort(groups == 0, axis=1, kind="stable")[:, : self.n], axis=1)
        return (codes.symbols(np.take_along_axis(groups, at, axis=1)), at.ravel())

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Put each code at its place in its group."""
        stored, at = (s.reshape(-1, self.n) for s in symbols)
        if int(at.max()) >= self.m or bool((np.diff(at, axis=1) <= 0).any()):
            raise AccsimError(f"places: not {self.n} rising ones below {self.m} in every group")
        along, shape = self._along(frame), frame.shape or (1,)
        per_line = -(-along // self.m)
        line, group = np.divmod(np.arange(at.shape[0])[:, None], per_line)
        offset = group * self.m + at
        inside = offset < along
        if stored[~inside].any():
            raise AccsimError("codes: not zero past the edge of the tensor")
        out = np.zeros(frame.size, np.int64)
        out[(line * along + offset)[inside]] = stored[inside]
        axis = self._axis(frame)
        moved = out.reshape(*shape[:axis], *shape[axis + 1 :], along)
        return np.ascontiguousarray(np.moveaxis(moved, -1, axis)).ravel()

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """The size does not depend on the density; the tensor is taken to keep to N:M."""
        stored = self.groups(frame) * self.n
        return ExpectedSize(stored * frame.bits, stored * index_bits(self.m))

    def _axis(self, frame: Frame) -> int:
        return 0 if len(frame.shape) < 2 and self.axis == 1 else self.axis

    def _along(self, frame: Frame) -> int:
        return frame.shape[self._axis(frame)] if frame.shape else 1

    def _grouped(self, frame: Frame, values: Array) -> Array:
        """[groups, M], padded with zeros at the end of the axis."""
        along = self._along(frame)
        lines = np.moveaxis(values.reshape(frame.shape or (1,)), self._axis(frame), -1).reshape(-1, along)
        if along % self.m:
            lines = np.pad(lines, ((0, 0), (0, -along % self.m)))
        return lines.reshape(-1, self.m)

    def _check_groups(self, codes: Codes) -> None:
        from accsim.compress.encodings.scans import crowded_groups  # noqa: PLC0415

        axis, shape = self._axis(codes.frame), codes.frame.shape or (1,)
        before, after = shape[:axis], shape[axis + 1 :]
        mask = codes.mask.reshape(math.prod(before), shape[axis], math.prod(after))
        wrong, first, middle, last, nonzero = crowded_groups(mask, self.n, self.m)
        if wrong:
            at = (first * shape[axis] + middle) * math.prod(after) + last
            place = tuple(int(i) for i in np.unravel_index(at, shape))
            raise AccsimError(
                f"{self}: {nonzero} of the {self.m} words from {place} on along dimension {axis} are not zero; "
                f"at most {self.n} may be ({wrong} such groups)"
            )
