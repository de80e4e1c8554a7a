"""Classical denoisers for Gaussian noise, calibrated on validation images.

Each filter takes `noisy`, float images of shape (n, h, w) or (n, h, w, c), and a strength, treats each image
by itself, and returns images of the same shape. Clean images lie in [0, 1]; noisy ones may lie up to 2
outside, as noise leaves them that was not clipped. Noise that was clipped to [0, 1] is no longer
centred: on a black background it leaves a grey veil that no smoothing removes. So calibration fits, beside
the strength, one gain and one offset for all pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage import restoration  # which loads a filter, and scipy.stats for it, when it is used

from compendium.baselines.impulse import median
from compendium.images import UNCLIPPED, Images, check_images, with_channels

Filter = Callable[[Images, float], Images]


def gaussian_blur(noisy: Images, strength: float) -> Images:
    """Convolve with a Gaussian of `strength` pixels' standard deviation: `scipy.ndimage.gaussian_filter`."""
    return ndimage.gaussian_filter(check_images(noisy, "noisy", tolerance=UNCLIPPED), strength, axes=(1, 2))


def total_variation(noisy: Images, strength: float) -> Images:
    """Total-variation denoising with weight `strength` (`skimage.restoration.denoise_tv_chambolle`).

    Source: Chambolle (2004), doi:10.1023/B:JMIV.0000011325.36760.1e.
    """
    return _each(noisy, lambda image: restoration.denoise_tv_chambolle(image, strength, channel_axis=-1))


def non_local_means(noisy: Images, strength: float) -> Images:
    """Non-local means with cut-off distance `strength` (`skimage.restoration.denoise_nl_means`).

    Patches of 5x5 are compared over 13x13 pixels. Source: Buades, Coll and Morel (2005),
    doi:10.1109/CVPR.2005.38.
    """
    options = {"patch_size": 5, "patch_distance": 6, "fast_mode": True, "channel_axis": -1}
    return _each(noisy, lambda image: restoration.denoise_nl_means(image, h=strength, **options))


def wavelet(noisy: Images, strength: float) -> Images:
    """BayesShrink wavelet thresholding for noise of standard deviation `strength`.

    Uses `skimage.restoration.denoise_wavelet` with Daubechies' wavelet of two vanishing moments, no
    cycle spinning. Source: Chang, Yu and Vetterli (2000), doi:10.1109/83.862633.
    """
    return _each(
        noisy, lambda image: restoration.denoise_wavelet(image, strength, wavelet="db2", channel_axis=-1)
    )


def bm3d(noisy: Images, strength: float) -> Images:
    """Block matching and 3-D filtering for noise of standard deviation `strength`, by the package `bm3d`.

    The package is an opt-in extra: it is not free for commercial use. Source: Dabov et al. (2007),
    doi:10.1109/TIP.2007.901238.
    """
    import bm3d as package

    return _each(noisy, lambda image: package.bm3d(image, strength))


def clipped_median(noisy: Images, strength: float) -> Images:
    """Median of a square window with sides of `strength` pixels, of the images clipped to [0, 1].

    Clipping before or after gives the same, for it keeps the order of values.
    """
    return median(check_images(noisy, "noisy", tolerance=UNCLIPPED).clip(0, 1), int(strength))


GAUSSIAN: dict[str, tuple[Filter, tuple[float, ...]]] = {
    "Gaussian blur": (gaussian_blur, (0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2)),
    "median": (clipped_median, (3, 5, 7)),
    "total variation": (total_variation, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6)),
    "non-local means": (non_local_means, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6)),
    "wavelet": (wavelet, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6)),
}
"""Filters for Gaussian noise: display name -> filter, and the strengths among which calibration chooses."""


@dataclass(frozen=True)
class CalibratedFilter:
    """A filter with the strength, gain and offset that gave the lowest error on the calibration images.

    `calibrated(noisy)` returns `gain * filter(noisy, strength) + offset`, clipped to [0, 1]; `mse` is its
    mean squared error on the calibration images.
    """

    filter: Filter
    strength: float
    gain: float
    offset: float
    mse: float

    def __call__(self, noisy: Images) -> Images:
        """Return reconstructions of the shape of `noisy`."""
        return (self.gain * self.filter(noisy, self.strength) + self.offset).clip(0, 1)


def calibrate(
    noisy: Images, reference: Images, filters: Mapping[str, tuple[Filter, Sequence[float]]] = GAUSSIAN
) -> dict[str, CalibratedFilter]:
    """Return every one of the filters by name, calibrated on validation images.

    For each strength the gain and offset are the least-squares line from filtered to reference values; the
    strength with the lowest mean squared error after clipping is kept. A few hundred images are enough,
    because only three numbers per filter are chosen. Use images on which no result is reported.

    `noisy` and `reference` are float images of one shape, (n, h, w) or (n, h, w, c), with n at least 1.
    `filters` are those of `GAUSSIAN` or others, with the strengths to choose from. Raises ValueError for
    other images.
    """
    if check_images(noisy, "noisy", tolerance=UNCLIPPED).shape != check_images(reference, "reference").shape:
        raise ValueError(f"shapes differ: noisy {noisy.shape}, reference {reference.shape}")
    if not len(noisy):
        raise ValueError("noisy holds no image to calibrate on")
    return {
        name: min(
            (_fit(method, strength, noisy, reference) for strength in strengths), key=lambda fit: fit.mse
        )
        for name, (method, strengths) in filters.items()
    }


def _fit(method: Filter, strength: float, noisy: Images, reference: Images) -> CalibratedFilter:
    filtered = method(noisy, strength)
    x, y = filtered.ravel().astype(np.float64), reference.ravel().astype(np.float64)
    variance = x.var()
    gain = ((x - x.mean()) * (y - y.mean())).mean() / variance if variance else 0.0
    offset = y.mean() - gain * x.mean()
    mse = np.square((gain * x + offset).clip(0, 1) - y).mean()
    return CalibratedFilter(method, strength, float(gain), float(offset), float(mse))


def _each(noisy: Images, denoise: Callable[[Images], Images]) -> Images:
    """Apply `denoise`, from (h, w, c) to the same, to every image."""
    images = with_channels(check_images(noisy, "noisy", tolerance=UNCLIPPED))
    restored = np.empty_like(images)
    for image, result in zip(images, restored, strict=True):
        result[:] = denoise(image).reshape(image.shape)  # some drop the channel of a grey image
    return restored.reshape(noisy.shape)
