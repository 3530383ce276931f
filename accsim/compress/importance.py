"""What filters and channels are worth, measured on a network's own feature maps or gradients.

Each function takes arrays that somebody else has to measure (the reference executor gives feature maps; gradients need
a training framework) and gives a number per channel. The pass ``filters`` takes the numbers: ``criterion: given``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals
from accsim.errors import AccsimError

Ints = npt.NDArray[np.int64]


def average_fraction_of_zeros(activations: Reals) -> Reals:
    """APoZ: the fraction of each channel's outputs that are 0, over inputs and pixels (Hu et al., 2016, equation 1).

    Args:
        activations: [inputs, channels, height, width], behind the layer's activation function.
    """
    out: Reals = (activations == 0).mean(axis=(0, 2, 3))
    return out


def pooled_entropy(activations: Reals, bins: int = 100) -> Reals:
    """Entropy in bits of each channel's global average over the inputs, sorted into bins of equal width.

    A channel whose average hardly changes from input to input says little (Luo and Wu, 2017, arXiv 1706.05791). Bins
    span the channel's own range; a channel that is constant has an entropy of 0.

    Args:
        activations: [inputs, channels, height, width].
        bins: of the histogram; the paper's number is not known here.
    """
    pooled = activations.mean(axis=(2, 3))
    out = np.zeros(pooled.shape[1])
    for channel, values in enumerate(pooled.T):
        if np.ptp(values) > 0:
            share = np.histogram(values, bins)[0] / len(values)
            share = share[share > 0]
            out[channel] = -(share * np.log2(share)).sum()
    return out


def taylor(activations: Reals, gradients: Reals) -> Reals:
    """First-order change of the loss if a channel's outputs become 0: |mean of output x gradient|, mean over inputs.

    Divided by the layer's l2 norm, so that layers can be compared (Molchanov et al., ICLR 2017, equations 8 and 10).

    Args:
        activations: [inputs, channels, height, width].
        gradients: of the loss, of the same shape.

    Raises:
        AccsimError: the shapes differ.
    """
    _require_same(activations, gradients, "activations")
    change = np.abs((activations * gradients).mean(axis=(2, 3))).mean(axis=0)
    norm = float(np.sqrt((change**2).sum()))
    return np.asarray(change / norm if norm else change, np.float64)


def gradient_energy(gradients: Reals) -> Reals:
    """The squared l2 norm of the gradient of what reads each input channel (discrimination-aware channel pruning).

    Zhuang et al., NeurIPS 2018 (arXiv 1810.11809), section 3.4, keep the channels where it is largest; the loss whose
    gradient it is has their reconstruction and discrimination terms.

    Args:
        gradients: of the loss with respect to the reader's weights, [filters, channels, R, S].
    """
    out: Reals = (gradients**2).sum(axis=(0, 2, 3))
    return out


def intra_class_correlation(activations: Reals, classes: Ints) -> Reals:
    """How much of the variance of a channel's global average lies between classes: ICC(1) of a one-way analysis.

    (B - W) / (B + (n - 1) W), with the mean squares between and within classes and n inputs of each (for unequal
    numbers the usual n0 = (N - sum n_i^2 / N) / (classes - 1); Shrout and Fleiss, Psychological Bulletin 1979). 0 where
    the average is constant.

    Args:
        activations: [inputs, channels, height, width].
        classes: of each input.

    Raises:
        AccsimError: fewer than two classes, or no class with two inputs.
    """
    pooled = activations.mean(axis=(2, 3))
    labels, which, counts = np.unique(classes, return_inverse=True, return_counts=True)
    total, groups = len(pooled), len(labels)
    if len(classes) != total or groups < 2 or total == groups:
        raise AccsimError(f"{total} inputs need two classes, and one of them two inputs; got {groups} classes")
    means = np.stack([np.bincount(which, weights=column, minlength=groups) / counts for column in pooled.T], axis=1)
    between = (counts[:, None] * (means - pooled.mean(axis=0)) ** 2).sum(axis=0) / (groups - 1)
    within = ((pooled - means[which]) ** 2).sum(axis=0) / (total - groups)
    size = (total - (counts**2).sum() / total) / (groups - 1)
    below = between + (size - 1) * within
    out: Reals = np.divide(between - within, below, out=np.zeros(pooled.shape[1]), where=below > 0)
    return out


def _require_same(first: Reals, second: Reals, what: str) -> None:
    if first.shape != second.shape:
        raise AccsimError(f"{what} are {list(first.shape)} and gradients {list(second.shape)}")
