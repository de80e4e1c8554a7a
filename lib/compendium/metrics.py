"""Image metrics, batched: one float64 per image.

Every metric takes a batch, `(n, h, w)` or `(n, h, w, c)`, of float16, float32 or float64 values in [0, 1],
the reference first, and computes in float64. Values up to 1e-6 outside [0, 1] pass, because float32
arithmetic (a resized image, a clipped sum) leaves such traces; anything further out, infinity, integers,
other numbers of axes and shapes that differ raise `ValueError`. The number of an image that contains a NaN,
such as the output of a diverged network, is NaN. Three axes are always `(n, h, w)`: give a single colour
image as `image[np.newaxis]`. An empty batch gives an empty result. The work is done in chunks, so memory
beyond the inputs stays at a few megabytes or a few images.

"Paper 1" is the study of salt-and-pepper noise and the convolutional autoencoder on CIFAR-10.
"""

import math
import re
from collections.abc import Callable
from typing import Literal

import numpy as np

from compendium.images import FLOATS, check_images, with_channels

try:
    from numba import njit
except ModuleNotFoundError:  # a lab's environment is smaller by a seventh without: the same, slower

    def njit(**_: object) -> Callable[[Callable], Callable]:
        """Compile nothing."""
        return lambda function: function


__all__ = [
    "bounds",
    "channel_agreement",
    "entropy_map",
    "local_entropy",
    "mse",
    "pcc",
    "power_kept",
    "psnr",
    "radial_power",
    "ssim",
    "total_entropy",
]

DTYPES = (np.float16, *FLOATS)
RANGE_TOLERANCE = 1e-6
CHUNK_VALUES = 2**16  # 512 KB of float64: a chunk stays in the cache and its memory is used again
BLOCK = 4  # side of the paper's local regions, in pixels

Bins = Literal["paper"] | int

# between which values quantities lie, by a word of their names, the first that fits
_BOUNDS = {
    "gained|minus|removed": (-math.inf, math.inf),
    "half width|MSE|LAE|TE|distance|variation|power": (0, math.inf),
    "SSIM|PCC|correlation": (-1, 1),
    "accuracy|agreement|share": (0, 1),
    ", %": (0, 100),
}


def bounds(quantity: str) -> tuple[float, float]:
    """Return the least and the largest value that a quantity of a record can have, by its name.

    They are infinite where the name implies no bound, as for PSNR.
    """
    found = (limits for words, limits in _BOUNDS.items() if re.search(rf"(?<!\w)({words})(?!\w)", quantity))
    return next(found, (-math.inf, math.inf))


def mse(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Mean squared error over all pixel values of an image, `(n,)`; 0 for identical images.

    Source: paper 1, Eq. 1, which is a mean over images of summed squares; here each sum is also divided by
    the number of values. Raises `ValueError` for inputs this module does not take (see its description).
    """
    return _map_chunks(_mse, *_check_pair(reference, image))


def psnr(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, `(n,)`: `10 log10(1 / MSE)` for a data range of 1.

    Identical images give infinity. Equal to `skimage.metrics.peak_signal_noise_ratio(..., data_range=1)`.
    Source: paper 1, Eqs. 6 and 7, with the 1/n that both lack: as printed, a value is lower by
    `10 log10(h w c)`. Raises `ValueError` for inputs this module does not take.
    """
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mse(reference, image))


def ssim(
    reference: np.ndarray, image: np.ndarray, *, definition: Literal["skimage", "wang"] = "skimage"
) -> np.ndarray:
    """Structural similarity, `(n,)`, from -1 to 1: mean over channels and over all windows inside the image.

    "skimage" is `skimage.metrics.structural_similarity(a, b, data_range=1, channel_axis=-1)`: uniform 7x7
    windows, sample covariance. "wang" is Wang et al.'s own: 11x11 Gaussian windows with a standard deviation
    of 1.5 pixels, population covariance (scikit-image's `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False`). Both have K1 = 0.01, K2 = 0.03 and agree with scikit-image on float64
    input; given float32, scikit-image computes in float32 and loses digits where an image is flat.

    Source: Wang, Bovik, Sheikh and Simoncelli (2004), doi:10.1109/TIP.2003.819861; paper 1, Eq. 4. Raises
    `ValueError` for another definition, an image smaller than the window and inputs this module does not
    take.
    """
    kernels = {"skimage": (_ssim_uniform, 7), "wang": (_ssim_gaussian, 11)}
    if definition not in kernels:
        raise ValueError(f'definition={definition!r}: expected "skimage" or "wang"')
    kernel, side = kernels[definition]
    reference, image = _check_pair(reference, image)
    _check_size(reference, side, f"the window of SSIM {definition!r}")
    return _map_chunks(lambda *pair: kernel(*map(_join_rows, pair), reference.shape[3]), reference, image)


def pcc(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Pearson correlation coefficient over all pixel values of both images, `(n,)`, from -1 to 1.

    NaN where either image is constant: the coefficient is undefined there. Equal to `scipy.stats.pearsonr` on
    the flattened images. Source: paper 1, Eq. 5. Raises `ValueError` for inputs this module does not take.
    """
    return _map_chunks(_pcc, *_check_pair(reference, image))


def channel_agreement(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Fraction of pixels whose brightest channel is the same in both images, `(n,)`, from 0 to 1.

    Of equal channels the first counts as the brightest (`argmax`), so a grey pixel counts as red. This is
    what paper 1 prints as "accuracy" in Table 3: Keras takes `metrics=["accuracy"]` on images for categorical
    accuracy over the last axis. Raises `ValueError` for fewer than two channels and for inputs this module
    does not take.
    """
    reference, image = _check_pair(reference, image)
    if reference.shape[-1] < 2:
        raise ValueError(f"channel agreement needs two channels or more, found {reference.shape[-1]}")
    return _map_chunks(_channel_agreement, reference, image)


def total_entropy(images: np.ndarray, *, bins: Bins = "paper") -> np.ndarray:
    """Entropy of an image's histogram in bits, summed over its channels, `(n,)`.

    "paper" takes 10 equal bins from each channel's own minimum to its own maximum (`np.histogram`'s default),
    which gives Table 5 of paper 1 but cannot exceed `c log2(10)`; a number takes that many equal bins on
    [0, 1]. A constant channel has entropy 0.

    CIFAR's byte values fall on the edges of the paper's bins, so its numbers need `bytes / 255` in float64:
    by way of float32 they change by some hundredths of a bit, and test image 70 gives 6.59 instead of 6.61.
    Source: paper 1, Eq. 8 and Table 5. Raises `ValueError` for other bins and inputs this module does not
    take.
    """
    number, own_range = (10, True) if _check_bins(bins) == "paper" else (bins, False)
    return _map_chunks(lambda chunk: _total_entropy(chunk, number, own_range), _checked(images))


def local_entropy(images: np.ndarray, *, bins: Bins = "paper") -> np.ndarray:
    """Local average entropy in bits, `(n,)`: the mean of `entropy_map` over an image's 4x4 regions."""
    return entropy_map(images, bins=bins).mean(axis=(1, 2))


def entropy_map(images: np.ndarray, *, bins: Bins = "paper") -> np.ndarray:
    """Histogram entropy in bits of every 4x4 region, averaged over channels, `(n, h // 4, w // 4)`.

    The histogram has 32 equal bins on [0, 1] for "paper", or the number given. Rows and columns after the
    last full region are left out. Source: paper 1, Eq. 8, Table 5 (LAE) and Fig. 7. Raises `ValueError` for
    other bins, for images smaller than 4x4 and for inputs this module does not take.
    """
    number = 32 if _check_bins(bins) == "paper" else bins
    images = _checked(images)
    _check_size(images, BLOCK, "a region of local entropy")
    return _map_chunks(lambda chunk: _entropy_map(chunk, number), images)


def radial_power(images: np.ndarray) -> np.ndarray:
    """Power spectrum of square images, averaged over rings of equal spatial frequency, `(n, h // 2 + 1)`.

    Entry `f` is the mean of `|X|²` over the coefficients `X` whose distance from frequency 0 rounds to `f`
    cycles per image; `X` is the discrete Fourier transform divided by the number of pixels, and channels are
    averaged. So entry 0 is the squared mean, and the corners of the spectrum, beyond `h // 2`, are left out.
    Raises `ValueError` for images that are not square and for inputs this module does not take.
    """
    images = _checked(images)
    height, width = images.shape[1:3]
    if height != width:
        raise ValueError(f"images of {height}x{width} pixels: rings of equal frequency need square ones")
    return _map_chunks(_radial_power, images)


def power_kept(reference: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Mean `radial_power` of images over that of clean ones, `(h // 2 + 1,)`: 1 where as much is left.

    Less than 1 at high frequencies is what blur takes away; noise and patterns of a network's own add to it.
    """
    return radial_power(images).mean(axis=0) / radial_power(reference).mean(axis=0)


def _checked(images: np.ndarray, name: str = "images") -> np.ndarray:
    """Return the batch as `(n, h, w, c)` or say what is wrong with it."""
    checked = check_images(images, name, dtypes=DTYPES, tolerance=RANGE_TOLERANCE, missing=True)
    return with_channels(checked)


def _check_pair(reference: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(reference) != np.shape(image):
        raise ValueError(f"shapes differ: reference {np.shape(reference)}, image {np.shape(image)}")
    return _checked(reference, "reference"), _checked(image, "image")


def _check_size(images: np.ndarray, side: int, what: str) -> None:
    height, width = images.shape[1:3]
    if min(height, width) < side:
        raise ValueError(f"images of {height}x{width} pixels are smaller than {what}, {side}x{side}")


def _check_bins(bins: Bins) -> Bins:
    whole = isinstance(bins, int | np.integer) and not isinstance(bins, bool)
    if bins == "paper" or (whole and bins >= 1):
        return bins
    raise ValueError(f'bins={bins!r}: expected "paper" or a whole number, 1 or more')


def _map_chunks(function: Callable[..., np.ndarray], *batches: np.ndarray) -> np.ndarray:
    """Join what `function` makes of matching chunks `(k, h, w, c)`, contiguous float64, of the batches.

    What it makes of an image with NaN becomes NaN.
    """

    def of_chunk(*chunks: np.ndarray) -> np.ndarray:
        missing = np.isnan(sum(chunk.sum(axis=(1, 2, 3)) for chunk in chunks))
        if not missing.any():
            return function(*chunks)
        found = function(*(np.nan_to_num(chunk, nan=0.0) for chunk in chunks))
        found[missing] = np.nan
        return found

    number = len(batches[0])
    step = max(1, CHUNK_VALUES // batches[0][:1].size) if number else 1
    starts = range(0, max(number, 1), step)  # an empty batch is one empty chunk
    return np.concatenate(
        [
            of_chunk(*(np.ascontiguousarray(batch[start : start + step], np.float64) for batch in batches))
            for start in starts
        ]
    )


def _mse(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    return np.square(reference - image).mean(axis=(1, 2, 3))


def _pcc(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    x, y = _standardized(reference), _standardized(image)
    return np.einsum("ij,ij->i", x, y).clip(-1, 1)


def _standardized(images: np.ndarray) -> np.ndarray:
    """Flatten each image to mean 0 and norm 1; a constant image becomes NaN."""
    values = images.reshape(len(images), math.prod(images.shape[1:]))
    constant = np.ptp(values, axis=1, keepdims=True) == 0  # rounding can leave its deviations above zero
    deviations = values - values.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(deviations, axis=1, keepdims=True)
    return deviations / np.where(constant, np.nan, norm)


def _channel_agreement(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    return (reference.argmax(axis=-1) == image.argmax(axis=-1)).mean(axis=(1, 2))


def _total_entropy(images: np.ndarray, bins: int, own_range: bool) -> np.ndarray:
    number, height, width, channels = images.shape
    samples = images.transpose(0, 3, 1, 2).reshape(number * channels, height * width)
    return _histogram_entropy(samples, bins, own_range).reshape(number, channels).sum(axis=1)


def _entropy_map(images: np.ndarray, bins: int) -> np.ndarray:
    number, height, width, channels = images.shape
    rows, columns = height // BLOCK, width // BLOCK
    regions = images[:, : rows * BLOCK, : columns * BLOCK].reshape(
        number, rows, BLOCK, columns, BLOCK, channels
    )
    samples = regions.transpose(0, 1, 3, 5, 2, 4).reshape(-1, BLOCK * BLOCK)
    return _histogram_entropy(samples, bins, False).reshape(number, rows, columns, channels).mean(axis=3)


def _radial_power(images: np.ndarray) -> np.ndarray:
    side = images.shape[1]
    power = np.square(np.abs(np.fft.fft2(images, axes=(1, 2), norm="forward"))).mean(axis=3)
    frequencies = np.fft.fftfreq(side, 1 / side)
    ring = np.rint(np.hypot(frequencies[:, np.newaxis], frequencies)).astype(int)
    inside = ring <= side // 2
    in_ring = ring[inside] == np.arange(side // 2 + 1)[:, np.newaxis]
    return power[:, inside] @ (in_ring / in_ring.sum(axis=1, keepdims=True)).T


@njit(cache=True)
def _histogram_entropy(samples: np.ndarray, bins: int, own_range: bool) -> np.ndarray:
    """Entropy in bits of each row's histogram, as `np.histogram` bins [0, 1] or the row's own range."""
    entropies = np.zeros(len(samples))
    counts = np.empty(bins, np.int64)
    for i in range(len(samples)):
        row = samples[i]
        low, high = (row.min(), row.max()) if own_range else (0.0, 1.0)
        if low == high:
            continue
        counts[:] = 0
        step = (high - low) / bins
        for value in row:
            # The quotient may round to the bin next door: the edges decide, as in np.histogram. Values that
            # rounding left outside [0, 1] belong to the outermost bins.
            k = min(max(int((value - low) / (high - low) * bins), 0), bins - 1)
            while k > 0 and value < low + k * step:
                k -= 1
            while k < bins - 1 and value >= low + (k + 1) * step:
                k += 1
            counts[k] += 1
        for count in counts:
            if count:
                share = count / len(row)
                entropies[i] -= share * np.log2(share)
    return entropies


def _join_rows(images: np.ndarray) -> np.ndarray:
    """View `(n, h, w, c)` as `(n, h, w * c)`."""
    return images.reshape(*images.shape[:2], images.shape[2] * images.shape[3])


# The SSIM of a window needs four weighted means over it: of x, y, x² + y² and xy. The windows are separable,
# so the means are taken down the columns first, then along the rows, of images laid out as `(n, h, w * c)`.
# The inner loops are kept apart, one result array each, because only then does the compiler vectorize them;
# without error_model="numpy" a division could raise, which forbids it too. There is no fast-math: sums have
# one order.


@njit(cache=True)
def _ssim_uniform(reference: np.ndarray, image: np.ndarray, channels: int) -> np.ndarray:
    """Mean SSIM over the uniform 7x7 windows of images `(n, h, w * c)`, with the sample covariance."""
    number, height, length = reference.shape
    inside = length - 6 * channels
    above = np.zeros(length)  # stands for the rows over the image
    columns = np.empty((4, length))  # running sums over seven rows
    threes = np.empty(length - 2 * channels)
    means, totals = np.empty((4, inside)), np.empty(inside)
    results = np.empty(number)
    for i in range(number):
        columns[:] = 0
        totals[:] = 0
        for row in range(height):
            old_x = reference[i, row - 7] if row >= 7 else above
            old_y = image[i, row - 7] if row >= 7 else above
            _slide_down(reference[i, row], image[i, row], old_x, old_y, columns)
            if row >= 6:
                for quantity in range(4):
                    _mean_of_sevens(columns[quantity], channels, threes, means[quantity])
                _add_similarity(means, 49 / 48, totals)
        results[i] = totals.sum() / (inside * (height - 6))
    return results


@njit(cache=True)
def _ssim_gaussian(reference: np.ndarray, image: np.ndarray, channels: int) -> np.ndarray:
    """Mean SSIM over the Gaussian 11x11 windows of images `(n, h, w * c)`, with the population covariance."""
    number, height, length = reference.shape
    inside = length - 10 * channels
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights /= weights.sum()
    recent = np.empty((11, 4 * length))  # the four quantities of the last eleven rows, end to end
    columns, means, totals = np.empty(4 * length), np.empty((4, inside)), np.empty(inside)
    results = np.empty(number)
    for i in range(number):
        totals[:] = 0
        for row in range(height):
            _set_quantities(reference[i, row], image[i, row], recent[row % 11])
            if row >= 10:
                _scale(weights[5], recent[(row - 5) % 11], columns)
                for k in range(5):
                    _add_pair(weights[k], recent[(row - k) % 11], recent[(row - 10 + k) % 11], columns)
                for quantity in range(4):
                    values = columns[quantity * length : (quantity + 1) * length]
                    _scale(weights[5], values[5 * channels :], means[quantity])
                    for k in range(5):
                        left, right = values[k * channels :], values[(10 - k) * channels :]
                        _add_pair(weights[k], left, right, means[quantity])
                _add_similarity(means, 1.0, totals)
        results[i] = totals.sum() / (inside * (height - 10))
    return results


@njit(cache=True)
def _slide_down(
    x: np.ndarray, y: np.ndarray, old_x: np.ndarray, old_y: np.ndarray, columns: np.ndarray
) -> None:
    """Take one row into the running sums of the four quantities and another out of them."""
    sums_x, sums_y, squares, products = columns[0], columns[1], columns[2], columns[3]
    for j in range(len(x)):
        sums_x[j] += x[j] - old_x[j]
    for j in range(len(x)):
        sums_y[j] += y[j] - old_y[j]
    for j in range(len(x)):
        squares[j] += (x[j] * x[j] + y[j] * y[j]) - (old_x[j] * old_x[j] + old_y[j] * old_y[j])
    for j in range(len(x)):
        products[j] += x[j] * y[j] - old_x[j] * old_y[j]


@njit(cache=True)
def _set_quantities(x: np.ndarray, y: np.ndarray, quantities: np.ndarray) -> None:
    length = len(x)
    quantities[:length] = x
    quantities[length : 2 * length] = y
    squares, products = quantities[2 * length : 3 * length], quantities[3 * length :]
    for j in range(length):
        squares[j] = x[j] * x[j] + y[j] * y[j]
    for j in range(length):
        products[j] = x[j] * y[j]


@njit(cache=True)
def _mean_of_sevens(columns: np.ndarray, channels: int, threes: np.ndarray, means: np.ndarray) -> None:
    """Means over 7x7 from sums over 7 rows; adding 3 + 3 + 1 columns takes fewer additions than 7."""
    second, third = columns[channels:], columns[2 * channels :]
    for j in range(len(threes)):
        threes[j] = columns[j] + second[j] + third[j]
    fourth, seventh = threes[3 * channels :], columns[6 * channels :]
    for j in range(len(means)):
        means[j] = (threes[j] + fourth[j] + seventh[j]) * (1 / 49)


@njit(cache=True)
def _scale(weight: float, values: np.ndarray, result: np.ndarray) -> None:
    for j in range(len(result)):
        result[j] = weight * values[j]


@njit(cache=True)
def _add_pair(weight: float, first: np.ndarray, second: np.ndarray, total: np.ndarray) -> None:
    for j in range(len(total)):
        total[j] += weight * (first[j] + second[j])


@njit(cache=True, error_model="numpy")
def _add_similarity(means: np.ndarray, covariance_norm: float, totals: np.ndarray) -> None:
    """Add the SSIM of each window (Wang et al., Eq. 13, with C1 = 0.01² and C2 = 0.03²)."""
    means_x, means_y, squares, products = means[0], means[1], means[2], means[3]
    for j in range(len(totals)):
        product = means_x[j] * means_y[j]
        square = means_x[j] * means_x[j] + means_y[j] * means_y[j]
        covariance = covariance_norm * (products[j] - product)
        variances = covariance_norm * (squares[j] - square)
        totals[j] += (2 * product + 1e-4) * (2 * covariance + 9e-4) / ((square + 1e-4) * (variances + 9e-4))
