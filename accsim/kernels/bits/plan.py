"""What has to be counted for a product of two plane codes, and how wide its sums are."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.code import PlaneCode, Reading
from accsim.kernels.bits.operands import Rows

ROWS = 4


@lru_cache(maxsize=256)
def result_type(a: PlaneCode, b: PlaneCode, depth: int) -> Any:
    """int32 or int64, whichever holds every sum of ``depth`` products; float64 if a code is not integral.

    Raises:
        ValueError: sums that may leave 64 bits, or of so many products that their count leaves 32.
    """
    if depth >= 2**31:
        raise ValueError(f"a sum of {depth} products; at most {2**31 - 1} can be counted")
    if not (a.integral and b.integral):
        return np.float64
    bound = depth * int(a.reach) * int(b.reach)
    if bound >= 2**63:
        raise ValueError(f"sums of {depth} products of {a.bits} by {b.bits} planes may leave 64 bits")
    return np.int32 if bound < 2**31 else np.int64


@lru_cache(maxsize=256)
def plan(a: PlaneCode, b: PlaneCode, depth: int) -> Any:
    """A :class:`accsim.kernels.bits.products.Product`, which is not to be changed.

    With a = o + sum_p v_p A_p and b = r + sum_q u_q B_q along a sum of K places, it is K o r + o sum_q u_q |B_q| +
    r sum_p v_p |A_p| + sum_pq v_p u_q |A_p and B_q|, where || counts set bits. Signs need a single count:
    K - 2 |A xor B| (Rastegari et al., XNOR-Net, ECCV 2016), and of two ternary numbers only the places count where
    neither is zero (Andri et al., BrainTTA, arXiv 2211.11331).
    """
    from accsim.kernels.bits import products as compiled  # noqa: PLC0415

    kind: Any = np.int64 if a.integral and b.integral else np.float64
    left, right = np.zeros(a.bits, kind), np.zeros(b.bits, kind)
    one = np.zeros((1, 2), np.int64)
    match _units(a), _units(b):
        case Reading.SIGN, Reading.SIGN:
            return compiled.Product(
                compiled.XOR, one, np.array([[-2, 0]]), np.array([-2], kind), kind(depth), left, right, False
            )
        case Reading.SIGN, Reading.TERNARY:
            return compiled.Product(
                compiled.TERNARY_COLUMNS, one, np.array([[-2, 0]]), np.array([-2], kind), kind(0), left, right + 1, True
            )
        case Reading.TERNARY, Reading.SIGN:
            return compiled.Product(
                compiled.TERNARY_ROWS, one, np.array([[-2, 0]]), np.array([-2], kind), kind(0), left + 1, right, True
            )
        case Reading.TERNARY, Reading.TERNARY:
            return compiled.Product(
                compiled.TERNARY, one, np.array([[1, -2]]), np.array([1], kind), kind(0), left, right, False
            )
    pairs = np.array(list(product(range(a.bits), range(b.bits))), np.int64)
    factors = np.array([a.bases[p] * b.bases[q] for p, q in pairs], kind)
    scales = np.zeros((len(pairs), 2), np.int64)
    if kind is np.int64:
        scales[:, 0] = factors
    left += np.array(a.bases, kind) * kind(b.offset)
    right += np.array(b.bases, kind) * kind(a.offset)
    start = kind(depth * a.offset * b.offset)
    return compiled.Product(compiled.AND, pairs, scales, factors, start, left, right, bool(left.any() or right.any()))


def _units(code: PlaneCode) -> Reading:
    """Signs and ternary numbers of one, or anything else."""
    of_one = code.bases == (-2,) if code.reading is Reading.SIGN else code.bases == (1, -1)
    return code.reading if of_one else Reading.BITS


def readable(rows: Rows, count: int) -> NDArray[np.uint32]:
    """Packed words one after another; three rows more where tiles of four reach past the last of ``count`` rows."""
    words = rows.words.reshape(-1)
    if count % ROWS == 0:
        return np.ascontiguousarray(words)
    return np.concatenate([words, np.zeros((ROWS - 1) * rows.words.shape[2], np.uint32)])
