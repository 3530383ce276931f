"""Matrices and kernels as products of smaller ones. Everything here is deterministic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accsim.compress.grain import Reals


class Product(NamedTuple):
    """Two factors of a matrix, and what the matrix is made of.

    Attributes:
        left: [rows, rank].
        right: [rank, columns].
    """

    left: Reals
    right: Reals


def truncated(matrix: Reals, rank: int) -> Product:
    """The nearest product of a rank: U sqrt(S) times sqrt(S) V^T of the leading singular values.

    The squared error is the sum of the squares of the others (Eckart and Young, 1936). The largest entry of each left
    vector is made positive, so that signs do not depend on the library.
    """
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    u, s, vt = u[:, :rank], s[:rank], vt[:rank]
    signs = np.sign(np.take_along_axis(u, np.abs(u).argmax(axis=0)[None], axis=0))[0]
    signs[signs == 0] = 1.0
    root = np.sqrt(s)
    return Product(u * (signs * root), vt * (signs * root)[:, None])


def singular_values(matrix: Reals) -> Reals:
    """From the largest down."""
    return np.asarray(np.linalg.svd(matrix, compute_uv=False), np.float64)


def unfolded(tensor: Reals, axis: int) -> Reals:
    """A matrix with one row for each index of an axis."""
    return np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)


def leading(tensor: Reals, axis: int, count: int) -> Reals:
    """The first left singular vectors of an unfolding, [size of the axis, count]; their signs as in ``truncated``."""
    u = np.linalg.svd(unfolded(tensor, axis), full_matrices=False)[0][:, :count]
    signs = np.sign(np.take_along_axis(u, np.abs(u).argmax(axis=0)[None], axis=0))[0]
    signs[signs == 0] = 1.0
    out: Reals = u * signs
    return out


class Tucker2(NamedTuple):
    """Kernels as first[c, i], core[o, i, r, s] and last[m, o], multiplied out."""

    first: Reals
    core: Reals
    last: Reals

    def whole(self) -> Reals:
        """The kernels, [M, C, R, S]."""
        out: Reals = np.einsum("mo,oirs,ci->mcrs", self.last, self.core, self.first, optimize=True)
        return out


def tucker2(weights: Reals, rank_in: int, rank_out: int, rounds: int) -> Tucker2:
    """The Tucker decomposition of kernels along their channels (Kim et al., ICLR 2016, section 3.1).

    Starts from the leading vectors of both unfoldings (truncated HOSVD) and improves one side for the other in turn, so
    the error does not grow from round to round (HOOI, De Lathauwer et al., 2000). The squared error is at most the sum
    of the squared singular values that are left out of both unfoldings.

    Args:
        weights: [M, C, R, S].
        rank_in, rank_out: channels of the core.
        rounds: of improvement; 0 is HOSVD.
    """
    first, last = leading(weights, 1, rank_in), leading(weights, 0, rank_out)
    for _ in range(rounds):
        last = leading(np.einsum("mcrs,ci->mirs", weights, first), 0, rank_out)
        first = leading(np.einsum("mcrs,mo->ocrs", weights, last), 1, rank_in)
    core: Reals = np.einsum("mcrs,mo,ci->oirs", weights, last, first, optimize=True)
    return Tucker2(first, core, last)


class Cp(NamedTuple):
    """Kernels as a sum over the rank of filters[m] x channels[c] x rows[r] x cols[s].

    Attributes:
        filters, channels, rows, cols: [size, rank] each.
        errors: squared error after each round.
    """

    filters: Reals
    channels: Reals
    rows: Reals
    cols: Reals
    errors: tuple[float, ...]

    def whole(self) -> Reals:
        """The kernels, [M, C, R, S]."""
        out: Reals = np.einsum("mk,ck,rk,sk->mcrs", self.filters, self.channels, self.rows, self.cols, optimize=True)
        return out


_AXES = "mcrs"


def cp(weights: Reals, rank: int, rounds: int) -> Cp:
    """The CP decomposition of kernels by alternating least squares (Lebedev et al., ICLR 2015, section 3).

    Each factor in turn is the least-squares solution for the others, so the error does not grow from round to round;
    iteration ends early where rounding would let it. It begins with the leading vectors of each unfolding and, for more
    ranks than an axis is long, normal vectors from a fixed seed. What is found is a local optimum: unlike the singular
    value decompositions it need not be the nearest, nor exact at any rank.

    Args:
        weights: [M, C, R, S].
        rank: at least 1.
        rounds: at most so many, at least 1.
    """
    draw = np.random.Generator(np.random.PCG64(0))
    factors: list[Reals] = []
    for axis in range(4):
        known = leading(weights, axis, rank)
        more = draw.standard_normal((weights.shape[axis], rank - known.shape[1]))
        factors.append(np.concatenate([known, more], axis=1))
    total = float((weights**2).sum())
    errors: list[float] = []
    for _ in range(rounds):
        before = list(factors)
        for axis in range(4):
            others = [k for k in range(4) if k != axis]
            gram = np.prod([factors[k].T @ factors[k] for k in others], axis=0)
            spec = _AXES + "," + ",".join(_AXES[k] + "k" for k in others) + "->" + _AXES[axis] + "k"
            projected = np.einsum(spec, weights, *(factors[k] for k in others), optimize=True)
            factors[axis] = projected @ np.linalg.pinv(gram, hermitian=True)
        error = float(((weights - Cp(factors[0], factors[1], factors[2], factors[3], ()).whole()) ** 2).sum())
        if errors and error >= errors[-1]:
            factors = before
            break
        errors.append(error)
        if error <= 1e-28 * total:
            break
    return Cp(factors[0], factors[1], factors[2], factors[3], tuple(errors))


class Separable(NamedTuple):
    """Kernels as a sum over the rank of points[m, c, k] x spatial[c, k, r, s]."""

    points: Reals
    spatial: Reals

    def whole(self) -> Reals:
        """The kernels, [M, C, R, S]."""
        out: Reals = np.einsum("mck,ckrs->mcrs", self.points, self.spatial)
        return out


def separable(weights: Reals, rank: int) -> Separable:
    """Each input channel's kernels as the nearest product of a rank (Guo et al., "Network decoupling", BMVC 2018)."""
    filters, channels, rows, cols = weights.shape
    points, spatial = np.zeros((filters, channels, rank)), np.zeros((channels, rank, rows, cols))
    for c in range(channels):
        product = truncated(weights[:, c].reshape(filters, -1), rank)
        points[:, c], spatial[c] = product.left, product.right.reshape(rank, rows, cols)
    return Separable(points, spatial)
