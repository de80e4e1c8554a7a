"""Time compendium.metrics.ssim on 10,000 CIFAR-sized images against scikit-image and SciPy, on one core.

Each figure is the best of several runs. The peers get 250 images, SciPy's filters 20 at a time, and their
times are scaled up: they are the same for every image.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter
from skimage.metrics import structural_similarity

from compendium import metrics

IMAGES, LOOP_IMAGES, RUNS = 10_000, 250, 5
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def seconds(function: Callable[[], object]) -> float:
    """Least wall time of several calls."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def scikit_image_loop(reference: np.ndarray, image: np.ndarray, **options: object) -> np.ndarray:
    """SSIM of each pair, one call an image."""
    pairs = zip(reference, image, strict=True)
    return np.array(
        [structural_similarity(x, y, data_range=1.0, channel_axis=-1, **options) for x, y in pairs]
    )


def scipy_filters(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """SSIM of a batch, with 7x7 windows, by filtering all its images and channels at once."""

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, (1, 7, 7, 1))[:, 3:-3, 3:-3]

    def similarity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        mean_x, mean_y = mean(x), mean(y)
        covariance = 49 / 48 * (mean(x * y) - mean_x * mean_y)
        variances = 49 / 48 * (mean(x * x) + mean(y * y) - mean_x**2 - mean_y**2)
        values = (2 * mean_x * mean_y + 1e-4) * (2 * covariance + 9e-4)
        return (values / ((mean_x**2 + mean_y**2 + 1e-4) * (variances + 9e-4))).mean(axis=(1, 2, 3))

    pair = reference.astype(np.float64), image.astype(np.float64)
    chunks = range(0, len(reference), 20)
    return np.concatenate([similarity(*(batch[start : start + 20] for batch in pair)) for start in chunks])


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    reference = rng.random((IMAGES, 32, 32, 3), np.float32)
    image = (reference + rng.normal(0, 0.1, reference.shape)).clip(0, 1).astype(np.float32)
    few = reference[:LOOP_IMAGES], image[:LOOP_IMAGES]
    scale = IMAGES / LOOP_IMAGES
    for definition in ("skimage", "wang"):
        metrics.ssim(*few, definition=definition)  # compiled before it is timed

    print(f"SSIM of {IMAGES:,} pairs of 32x32x3 float32{'seconds':>10}{'ratio':>8}{'difference':>12}")
    for definition, options in (("skimage", {}), ("wang", WANG)):
        ours = seconds(lambda definition=definition: metrics.ssim(reference, image, definition=definition))
        peers = {"scikit-image loop": (scikit_image_loop, options)}
        if definition == "skimage":
            peers["SciPy filters"] = (scipy_filters, {})
        print(f'ours, "{definition}"{ours:{43 - len(definition)}.2f}{1:8.1f}')
        values = metrics.ssim(*few, definition=definition)
        wide = tuple(batch.astype(np.float64) for batch in few)
        for name, (peer, arguments) in peers.items():
            taken = scale * seconds(lambda peer=peer, arguments=arguments: peer(*few, **arguments))
            difference = np.abs(peer(*wide, **arguments) - values).max()
            print(f"  {name:<42}{taken:7.2f}{taken / ours:8.1f}{difference:12.0e}")


if __name__ == "__main__":
    main()
