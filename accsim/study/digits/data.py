"""The digits of scikit-learn, in five folds.

1,797 images of 8 x 8 pixels with 17 grey levels: the test part of the UCI set "Optical Recognition of Handwritten
Digits" (E. Alpaydin and C. Kaynak, 1998). scikit-learn ships them, so nothing is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError

FOLDS = 5
LEVELS = 16.0
"""The largest grey level."""

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One division into images to train on and images to test on.

    Attributes:
        images, labels: to train on, float32 [n, 1, 8, 8] in 0 to 1, and classes 0 to 9.
        test_images, test_labels: to test on; no image is in both, and each is tested on in one fold.
    """

    images: Floats
    labels: Labels
    test_images: Floats
    test_labels: Labels


def folds(seed: int) -> tuple[Fold, ...]:
    """Five folds with as many images of each class in each as there can be (stratified), shuffled by ``seed``.

    Raises:
        AccsimError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415
        from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415
    except ImportError:
        raise AccsimError(
            "the digits come with scikit-learn, which is not installed: pip install 'accsim[digits]'"
        ) from None
    bunch = load_digits()
    images = (bunch.images.astype(np.float32) / np.float32(LEVELS))[:, None]
    labels = bunch.target.astype(np.int64)
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(images, labels)
    return tuple(Fold(images[train], labels[train], images[test], labels[test]) for train, test in split)
