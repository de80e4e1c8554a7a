"""Time and error of the classical denoisers, beside the obvious loops over images that give the same pixels.

Last, the time of the PCA reconstruction beside NumPy's eigenvectors, which are all there are.

python benchmarks/baselines.py [--dataset photos] [--images 1000] [--fraction 0.6] [--peer-images 50]
"""

import time
from collections.abc import Callable

import numpy as np
import typer
from scipy import ndimage
from scipy.interpolate import griddata
from skimage.restoration import inpaint_biharmonic

from compendium import data
from compendium.baselines import IMPULSE, impulse_mask, pca_reconstruction
from compendium.metrics import mse
from compendium.noise import salt_pepper


def main(dataset: str = "photos", images: int = 1000, fraction: float = 0.6, peer_images: int = 50) -> None:
    """Print for each method seconds for 1,000 images, mean MSE, and how many times as long the loop takes."""
    reference = data.load(dataset, "test").images[:images] / np.float32(255)
    noisy, _ = salt_pepper(reference, fraction=fraction, seed=0)
    print(f"{dataset}, {len(reference)} test images {reference.shape[1:]}, {fraction:.0%} altered")
    print(f"{'method':22}{'s / 1,000':>10}{'MSE':>10}   loop, times as long")
    for name, method in IMPULSE.items():
        seconds, reconstruction = timed(method, noisy)
        row = f"{name:22}{seconds:10.2f}{mse(reference, reconstruction).mean():10.5f}"
        if name in PEERS:
            peer_seconds, expected = timed(PEERS[name], noisy[:peer_images])
            np.testing.assert_allclose(reconstruction[:peer_images], expected, rtol=0, atol=1e-6)
            row += f"   {peer_seconds / seconds:.1f}"
        print(row)
    train = np.random.default_rng(0).random((150, 20, 20, 3), np.float32)
    covariance = np.cov(train.reshape(150, -1), rowvar=False, dtype=np.float32)
    ours, _ = timed(lambda train: pca_reconstruction(train, train, 60), train)
    peer, _ = timed(lambda _: np.linalg.eigh(covariance)[1], train)
    print(f"60 components of 1,200: all eigenvectors take {peer / ours:.1f} times as long")


def timed(method: Callable[[np.ndarray], np.ndarray], noisy: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds per 1,000 images, and the reconstruction."""
    start = time.perf_counter()
    reconstruction = method(noisy)
    return (time.perf_counter() - start) * 1000 / len(noisy), reconstruction


def median_loop(noisy: np.ndarray, size: int) -> np.ndarray:
    """SciPy's median filter, called for every channel of every image."""
    channels = np.moveaxis(noisy, -1, 1)
    filtered = [[ndimage.median_filter(channel, size) for channel in image] for image in channels]
    return np.moveaxis(np.array(filtered), 1, -1)


def adaptive_median_loop(noisy: np.ndarray) -> np.ndarray:
    """The definition, pixel by pixel."""
    altered, reconstruction = impulse_mask(noisy), noisy.copy()
    for i, row, column in np.argwhere(altered):
        for radius in range(1, max(noisy.shape[1:3])):
            rows = slice(max(row - radius, 0), row + radius + 1)
            columns = slice(max(column - radius, 0), column + radius + 1)
            intact = ~altered[i, rows, columns]
            if intact.any():
                values = noisy[i, rows, columns][intact].astype(np.float64)
                reconstruction[i, row, column] = np.median(values, axis=0)
                break
    return reconstruction


def linear_loop(noisy: np.ndarray) -> np.ndarray:
    """SciPy's griddata for every channel, with the nearest intact pixel outside the hull."""
    reconstruction, outside = noisy.copy(), IMPULSE["nearest pixel"](noisy)
    for i, altered in enumerate(impulse_mask(noisy)):
        for channel in range(noisy.shape[-1]):
            intact = noisy[i, ..., channel][~altered]
            values = griddata(np.argwhere(~altered), intact, np.argwhere(altered), method="linear")
            fallback = outside[i, ..., channel][altered]
            reconstruction[i, ..., channel][altered] = np.where(np.isnan(values), fallback, values)
    return reconstruction


def biharmonic_loop(noisy: np.ndarray) -> np.ndarray:
    """scikit-image's inpainting of every image."""
    pairs = zip(noisy, impulse_mask(noisy), strict=True)
    return np.array([inpaint_biharmonic(*pair, channel_axis=-1) for pair in pairs])


PEERS = {
    "median 3x3": lambda noisy: median_loop(noisy, 3),
    "median 5x5": lambda noisy: median_loop(noisy, 5),
    "adaptive median": adaptive_median_loop,
    "linear interpolation": linear_loop,
    "biharmonic": biharmonic_loop,
}

if __name__ == "__main__":
    typer.run(main)
