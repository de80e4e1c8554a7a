"""Predictors that ignore their input: a network must be ahead of them."""

import numpy as np

from compendium.images import Images, check_images


def trivial_predictions(train: Images, count: int) -> dict[str, Images]:
    """Return the predictions that ignore the input, by name: `count` black images and `count` mean images.

    The mean is taken over `train`, clean float images in [0, 1], (n, h, w) or (n, h, w, c), in float64; both
    predictions have the shape (count, h, w[, c]) and the dtype of `train`, and are read-only.
    Raises ValueError where `train` is empty or not such images.
    """
    if not len(check_images(train, "train")):
        raise ValueError("train holds no image: its mean is undefined")
    mean = train.mean(axis=0, dtype=np.float64).astype(train.dtype)
    predictions = {"black image": np.zeros_like(mean), "mean image": mean}
    return {name: np.broadcast_to(image, (count, *mean.shape)) for name, image in predictions.items()}
