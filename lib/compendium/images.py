"""Arrays of images: the check that every function shares, and bytes as floats."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.floating]
Mask = NDArray[np.bool_]

FLOATS = (np.float32, np.float64)
UNCLIPPED = 2.0  # how far outside [0, 1] noise that was not clipped may lead; bytes are still refused


def check_images(
    images: np.ndarray,
    name: str = "images",
    *,
    dtypes: Collection[type] = FLOATS,
    tolerance: float = 0,
    missing: bool = False,
) -> np.ndarray:
    """Return `images` as an array if they are `(n, h, w)` or `(n, h, w, c)`, else raise ValueError.

    n may be 0, the other lengths may not.

    Args:
        images: uint8 of any value, or floats in [0, 1].
        name: what the error calls them.
        dtypes: NumPy's types of the values to accept.
        tolerance: how far floats may lie outside [0, 1].
        missing: whether values may be NaN.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise ValueError(f"{name}: expected (n, h, w) or (n, h, w, c), found shape {images.shape}")
    if images.dtype not in dtypes:
        expected = " or ".join(dtype.__name__ for dtype in dtypes)
        remedy = "" if np.uint8 in dtypes else "; divide bytes by 255"
        raise ValueError(f"{name}: expected {expected}, found {images.dtype}{remedy}")
    if 0 in images.shape[1:]:
        raise ValueError(f"{name}: no pixels, shape {images.shape}")
    if images.dtype != np.uint8 and images.size:
        low, high = images.min(), images.max()
        if missing and np.isnan(low):
            known = images[~np.isnan(images)]
            low, high = (known.min(), known.max()) if known.size else (0, 1)
        if not (low >= -tolerance and high <= 1 + tolerance):  # not (...): NaN compares false
            raise ValueError(f"{name}: NaN or values outside [0, 1], found {low:g} to {high:g}")
    return images


def with_channels(images: np.ndarray) -> np.ndarray:
    """View `(n, h, w)` as `(n, h, w, 1)`; images with channels are returned as they are."""
    return images if images.ndim == 4 else images[..., np.newaxis]


def as_float(images: np.ndarray) -> np.ndarray:
    """Return images as float32 in [0, 1]; uint8 is divided by 255."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    return images.astype(np.float32, copy=False)
