"""What is measured of restored images: a number for each image."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from compendium import baselines, metrics
from compendium.leaderboard.tasks import Problem

DEFINITIONS: Mapping[str, str] = {
    "MSE": "Mean squared error over all values of an image; mean over the images.",
    "PSNR": "Peak signal-to-noise ratio of each image in dB; mean over the images.",
    "PSNR of the mean MSE": "Peak signal-to-noise ratio in dB of the mean squared error over all images.",
    "SSIM": "Structural similarity as scikit-image's default: uniform windows of 7 x 7; mean over images.",
    "SSIM, Wang": "Structural similarity as Wang et al. (2004): Gaussian windows; mean over the images.",
    "MSE of altered pixels": "Mean squared error over the pixels that are black or white in the noisy image.",
    "MSE of intact pixels": "Mean squared error over the other pixels.",
    "milliseconds per image": "Processor time to restore the test images on this machine, over their number.",
    "training seconds": "Time to train, summed over the epochs, or processor time to fit, on this machine.",
}
"""How the numbers of a record are computed."""


def of_images(problem: Problem, restored: np.ndarray) -> pd.DataFrame:
    """Measure restored test images, float in [0, 1], (n, h, w, c): one row per image, one column per measure.

    An image without an altered pixel, or without an intact one, has no number there (NaN).
    """
    reference = problem.test / 255
    restored = restored.astype(np.float64)
    table = pd.DataFrame(
        {
            "MSE": metrics.mse(reference, restored),
            "PSNR": metrics.psnr(reference, restored),
            "SSIM": metrics.ssim(reference, restored),
            "SSIM, Wang": metrics.ssim(reference, restored, definition="wang"),
        }
    )
    if problem.task.impulse:
        altered = baselines.impulse_mask(problem.noisy_test)
        squared = np.square(restored - reference).mean(axis=-1)
        for name, pixels in (("altered", altered), ("intact", ~altered)):
            with np.errstate(invalid="ignore"):
                table[f"MSE of {name} pixels"] = (squared * pixels).sum(axis=(1, 2)) / pixels.sum(axis=(1, 2))
    return table


def means(table: pd.DataFrame) -> pd.Series:
    """Return the means over the images of a table of `of_images`, and the PSNR of the mean MSE."""
    found = table.mean()
    found["PSNR of the mean MSE"] = -10 * np.log10(found["MSE"]) if found["MSE"] else np.inf
    return found
