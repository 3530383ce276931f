"""Which weight costs least to delete, by a second-order model of the loss: OBD and OBS.

Both need derivatives of the trained network's loss, which a compressed model does not have: they take them as arguments
and are no passes of a recipe. The forms are those of LeCun et al. (NIPS 1989) and Hassibi and Stork (NIPS 1992).
"""

from __future__ import annotations

import numpy as np

from accsim.compress.grain import Reals
from accsim.errors import AccsimError


def obd_saliency(weights: Reals, diagonal: Reals) -> Reals:
    """What deleting each weight adds to the loss if the Hessian is diagonal: h_kk * w_k^2 / 2.

    Args:
        weights: any shape.
        diagonal: h_kk, of the same shape.

    Raises:
        AccsimError: the shapes differ.
    """
    if weights.shape != diagonal.shape:
        raise AccsimError(f"weights are {list(weights.shape)} and the Hessian's diagonal {list(diagonal.shape)}")
    out: Reals = diagonal * weights**2 / 2
    return out


def obs_saliency(weights: Reals, hessian: Reals) -> Reals:
    """What deleting each weight adds to the loss if the others adapt: w_q^2 / (2 * [H^-1]_qq).

    Args:
        weights: [n].
        hessian: [n, n], symmetric and positive definite.

    Raises:
        AccsimError: it is not, or has another size.
    """
    inverse = _inverse(weights, hessian)
    out: Reals = weights**2 / (2 * np.diag(inverse))
    return out


def obs_delete(weights: Reals, hessian: Reals, which: int) -> Reals:
    """The weights after one is deleted and the others adapt: w - w_q / [H^-1]_qq * H^-1 e_q.

    Raises:
        AccsimError: as ``obs_saliency``, or there is no such weight.
    """
    if not 0 <= which < weights.size:
        raise AccsimError(f"there are weights 0 to {weights.size - 1}, so {which} cannot be deleted")
    inverse = _inverse(weights, hessian)
    after: Reals = weights - weights[which] / inverse[which, which] * inverse[:, which]
    after[which] = 0.0
    return after


def _inverse(weights: Reals, hessian: Reals) -> Reals:
    if weights.ndim != 1 or hessian.shape != (weights.size, weights.size):
        raise AccsimError(
            f"the Hessian of {weights.size} weights is [{weights.size}, {weights.size}], got {list(hessian.shape)}"
        )
    if not np.allclose(hessian, hessian.T):
        raise AccsimError("the Hessian is not symmetric")
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        raise AccsimError("the Hessian is not positive definite, so its weights are not at a minimum") from None
    return np.asarray(np.linalg.inv(hessian), np.float64)
