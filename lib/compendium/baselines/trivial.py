"""Predictors that ignore their input, and the guard: a network must be ahead of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from compendium.errors import CompendiumError
from compendium.images import Images, check_images

TRIVIAL = ("noisy input", "black image", "mean image")
"""Names of what a network must beat."""


def trivial_predictions(train: Images, count: int) -> dict[str, Images]:
    """The answers of predictors that ignore their input: `count` black images, `count` times the mean image.

    The mean is taken over `train`, clean float images in [0, 1], (n, h, w) or (n, h, w, c), in float64; both
    predictions have the shape (count, h, w[, c]) and the dtype of `train`, and are read-only.
    Raises ValueError where `train` is empty or not such images.
    """
    if not len(check_images(train, "train")):
        raise ValueError("train holds no image: its mean is undefined")
    mean = train.mean(axis=0, dtype=np.float64).astype(train.dtype)
    predictions = {"black image": np.zeros_like(mean), "mean image": mean}
    return {name: np.broadcast_to(image, (count, *mean.shape)) for name, image in predictions.items()}


def check_not_collapsed(
    errors: pd.DataFrame,
    networks: Sequence[str],
    trivial: Sequence[str] = TRIVIAL,
    quantity: str = "MSE",
) -> None:
    """Raise CompendiumError where a network is no better than a trivial predictor: it has collapsed.

    errors: of a `quantity` of which less is better, a row a method (among them `networks` and `trivial`), a
    column a level.
    """
    for network in networks:
        for predictor in trivial:
            for level in errors.columns:
                error, limit = errors.at[network, level], errors.at[predictor, level]
                if not error < limit:  # NaN, of a network that diverged, is no success either
                    raise CompendiumError(
                        f"collapse: {network} at {level} has an {quantity} of {error:.4f}, the {predictor} "
                        f"{limit:.4f}; train longer, or with another seed or learning rate"
                    )
