"""Arrays of images: the check that every function shares, and bytes as floats."""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from compendium.errors import one_line

Images = NDArray[np.floating]
Mask = NDArray[np.bool_]

FLOATS = (np.float32, np.float64)
COLOURS = (1, 3)  # how many channels pictures have
SMALLEST = 16  # pixels; below that, an axis may well be one of channels or of images
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

    n may be 0, the other lengths may not. What could only be one image, or images whose channels come first,
    is refused, too.

    Args:
        images: uint8 of any value, or floats in [0, 1], in any layout and byte order: an array, lists, or a
            tensor of a framework.
        name: what the error calls them.
        dtypes: NumPy's types of the values to accept.
        tolerance: how far floats may lie outside [0, 1].
        missing: whether values may be NaN.
    """
    written = f"{name}.to_numpy()" if hasattr(images, "to_numpy") else name  # of pandas
    images = _as_array(images, name)
    _check_axes(images, name, written)
    if images.dtype not in dtypes:
        expected = " or ".join(dtype.__name__ for dtype in dtypes)
        remedy = _remedy(images, name, np.uint8 in dtypes)
        raise ValueError(f"{name}: expected {expected}, found {images.dtype}{remedy}")
    if 0 in images.shape[1:]:
        raise ValueError(f"{name}: no pixels, shape {images.shape}")
    if images.dtype != np.uint8 and images.size:
        low, high = images.min(), images.max()
        if missing and np.isnan(low):
            known = images[~np.isnan(images)]
            low, high = (known.min(), known.max()) if known.size else (0, 1)
        if not (low >= -tolerance and high <= 1 + tolerance):  # not (...): NaN compares false
            remedy = f"; if white is 255, write {name} / 255" if low >= 0 and 2 < high <= 255 else ""
            raise ValueError(f"{name}: NaN or values outside [0, 1], found {low:g} to {high:g}{remedy}")
    return images


def _as_array(images: object, name: str) -> np.ndarray:
    """Return what NumPy makes of images, in the byte order of this machine."""
    if isinstance(images, np.ma.MaskedArray) and np.ma.is_masked(images):
        raise ValueError(f"{name}: found a masked array with pixels of no value; write {name}.filled(0)")
    try:
        array = np.asarray(images)
    except ValueError:
        raise ValueError(f"{name}: found images of different shapes; give those of one shape") from None
    except (TypeError, RuntimeError) as fault:  # so frameworks say what to write for a tensor of theirs
        raise ValueError(f"{name}: NumPy cannot read them ({one_line(fault)})") from None
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _check_axes(images: np.ndarray, name: str, written: str) -> None:
    """Raise ValueError where the axes are not, or by their lengths can hardly be, those of images.

    written: what stands for the images in a remedy.
    """
    shape = images.shape
    found = f"{name}: expected (n, h, w) or (n, h, w, c), found shape {shape}"
    if images.ndim == 2 and shape[0] != shape[1] and (axes := _square(shape[1])):
        raise ValueError(f"{found}; if each row is one image, write {written}.reshape(-1, {axes})")
    single = images.ndim == 2 or (images.ndim == 3 and shape[-1] in COLOURS and min(shape[:2]) >= SMALLEST)
    if single and images.dtype.kind != "O":
        raise ValueError(f"{found}; if that is one image, write {written}[np.newaxis]")
    if images.ndim not in (3, 4):
        raise ValueError(found)
    if images.ndim == 4 and shape[1] in COLOURS and shape[3] not in COLOURS and min(shape[2:]) >= SMALLEST:
        raise ValueError(f"{found}; if the channels come first, write np.moveaxis({name}, 1, -1)")


def _square(values: int) -> str:
    """Return height, width and channels, if not one, of a square picture of so many values; else ""."""
    for channels in COLOURS:
        side = math.isqrt(values // channels)
        if side >= SMALLEST // 2 and side * side * channels == values:
            return ", ".join(map(str, (side, side, channels)[: 2 if channels == 1 else 3]))
    return ""


def _remedy(images: np.ndarray, name: str, bytes_will_do: bool) -> str:
    """Return what makes images of another type such as are expected, as the end of a message; else ""."""
    match images.dtype.kind:
        case "b":
            return f"; if False is black and True white, write {name}.astype(np.float32)"
        case "f":
            return f"; write {name}.astype(np.float32)"
        case "i" | "u" if images.size and images.min() >= 0 and images.max() <= 255:
            return f"; write {name}.astype(np.uint8)" if bytes_will_do else "; divide bytes by 255"
        case "i" | "u":
            return "; divide by the number that stands for white"
    return ""


def with_channels(images: np.ndarray) -> np.ndarray:
    """View `(n, h, w)` as `(n, h, w, 1)`; images with channels are returned as they are."""
    return images if images.ndim == 4 else images[..., np.newaxis]


def as_float(images: np.ndarray) -> np.ndarray:
    """Return images as float32 in [0, 1]; uint8 is divided by 255."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    return images.astype(np.float32, copy=False)
