"""Corruptions: salt-and-pepper and Gaussian noise that depend on seed, image index and level alone.

Each image has random numbers of its own, from NumPy's counter-based Philox generator (Salmon et al. 2011,
doi:10.1145/2063384.2063405) with the key (seed, index). So neither the batch nor its order changes an image's
noise: `salt_pepper(images[i:j], first_index=i, ...)` equals `salt_pepper(images, ...)`, cut to `i:j`.
"""

import math

import numpy as np
from numpy.random import Generator, Philox

from compendium.images import FLOATS, check_images

__all__ = ["gaussian", "salt_pepper"]

DTYPES = (np.uint8, *FLOATS)
CHUNK_VALUES = 2**16  # random numbers held at a time: 512 KB, or one image's if that is more

# the kind of noise is part of the generator's counter: two kinds never share random numbers
SALT_PEPPER, GAUSSIAN = 1, 2


def salt_pepper(
    images: np.ndarray,
    *,
    fraction: float | None = None,
    count: int | None = None,
    seed: int,
    first_index: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn exactly `count` pixels of every image black or white, with equal odds, all channels together.

    Pixels are drawn without replacement; masks of different counts are independent. A drawn pixel may have
    had its new colour before.

    Args:
        images: `(n, h, w)` or `(n, h, w, c)`, uint8, or float32 or float64 in [0, 1]; white is 255 or 1.
        fraction: share of the pixels, from 0 to 1, rounded down to a count: of 1,024 pixels, 0.3, 0.6 and 0.9
            alter 307, 614 and 921 (the salt-and-pepper paper, sections 3.1 and 3.2, where 641 and 912 are
            slips). Give either this or `count`.
        count: number of pixels, from 0 to `h * w`.
        seed: a whole number from 0 to 2**64 - 1.
        first_index: index of `images[0]` in its data set.

    Returns the noisy images, of the same shape and dtype, and the mask of altered pixels, bool `(n, h, w)`.
    Raises `ValueError` for other inputs.
    """
    images = check_images(images, dtypes=DTYPES)
    number, height, width = images.shape[:3]
    pixels = height * width
    count = _pixel_count(fraction, count, pixels)
    _check_stream(seed, first_index, number)

    channels = math.prod(images.shape[3:])
    noisy = images.copy()
    values = noisy.reshape(number, pixels * channels)
    mask = np.empty((number, pixels), bool)
    words = pixels + math.ceil(pixels / 64)
    for chunk in _chunks(number, words):
        drawn = np.stack(
            [_philox(seed, first_index + i, SALT_PEPPER, count).random_raw(words) for i in chunk]
        )
        here = slice(chunk.start, chunk.stop)
        # a word for each pixel ranks it; a bit of the words after them colours it
        mask[here] = _lowest(drawn[:, :pixels], count)
        bits = drawn[:, pixels:].astype("<u8").view(np.uint8)
        white = np.unpackbits(bits, axis=1, count=pixels, bitorder="little")
        colours = white * images.dtype.type(255 if images.dtype == np.uint8 else 1)
        altered = np.repeat(mask[here], channels, axis=1)
        np.copyto(values[here], np.repeat(colours, channels, axis=1), where=altered)
    return noisy, mask.reshape(number, height, width)


def gaussian(
    images: np.ndarray, *, sigma: float, seed: int, first_index: int = 0, clip: bool = True
) -> np.ndarray:
    """Add independent normal noise of standard deviation `sigma` to every value.

    The random numbers do not depend on the level: an image's noise at any `sigma` is the same field, scaled,
    so that comparisons between levels are paired.

    Args:
        images: `(n, h, w)` or `(n, h, w, c)`, float32 or float64 in [0, 1], or uint8, which is divided by 255
            first.
        sigma: standard deviation, 0 or more, on the scale where white is 1.
        seed: as in `salt_pepper`.
        first_index: as in `salt_pepper`.
        clip: whether the result is clipped to [0, 1].

    Returns images of the same shape: float64 for float64, otherwise float32. Raises `ValueError` for other
    inputs.
    """
    images = check_images(images, dtypes=DTYPES)
    if not 0 <= sigma < math.inf:
        raise ValueError(f"sigma={sigma!r}: expected a number, 0 or more")
    _check_stream(seed, first_index, len(images))

    noisy = np.empty(images.shape, np.float64 if images.dtype == np.float64 else np.float32)
    scale = noisy.dtype.type(255 if images.dtype == np.uint8 else 1)
    shape = images.shape[1:]
    for chunk in _chunks(len(images), math.prod(shape)):
        normal = [
            Generator(_philox(seed, first_index + i, GAUSSIAN, 0)).standard_normal(shape) for i in chunk
        ]
        here = slice(chunk.start, chunk.stop)
        noisy[here] = images[here] / scale + sigma * np.stack(normal)
        if clip:
            noisy[here].clip(0, 1, out=noisy[here])
    return noisy


def _lowest(words: np.ndarray, count: int) -> np.ndarray:
    """Mark the `count` lowest words of each row; positions in their low bits keep them all different."""
    if count == 0:
        return np.zeros(words.shape, bool)
    positions = np.arange(words.shape[1], dtype=np.uint64)
    low_bits = np.uint64(2 ** int(positions[-1]).bit_length() - 1)
    ranks = words & ~low_bits | positions
    return ranks <= np.partition(ranks, count - 1, axis=1)[:, count - 1, np.newaxis]


def _philox(seed: int, index: int, kind: int, level: int) -> Philox:
    # the counter's lowest word counts the draws
    return Philox(key=np.array([seed, index], np.uint64), counter=np.array([0, level, kind, 0], np.uint64))


def _chunks(number: int, values: int) -> list[range]:
    """Split the indices of `number` images, each of so many values, into runs of bounded size."""
    step = max(1, CHUNK_VALUES // values)
    return [range(start, min(start + step, number)) for start in range(0, number, step)]


def _pixel_count(fraction: float | None, count: int | None, pixels: int) -> int:
    if (fraction is None) == (count is None):
        raise ValueError("give either fraction or count")
    if count is not None:
        _check_whole("count", count, pixels)
        return int(count)
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction={fraction!r}: expected a number from 0 to 1")
    return math.floor(float(fraction) * pixels + 1e-6)  # 0.29 * 100 is 28.999999999999996


def _check_stream(seed: int, first_index: int, number: int) -> None:
    _check_whole("seed", seed, 2**64 - 1)
    _check_whole("first_index", first_index, 2**64 - max(number, 1))


def _check_whole(name: str, value: int, highest: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and 0 <= value <= highest):
        raise ValueError(f"{name}={value!r}: expected a whole number from 0 to {highest}")
