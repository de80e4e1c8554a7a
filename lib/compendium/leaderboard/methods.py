"""The leaderboard's methods: each learns what it may from a problem, then restores the noisy test images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from compendium import baselines, processes
from compendium.baselines.gaussian import (
    GAUSSIAN,
    Filter,
    non_local_means,
    total_variation,
    wavelet,
)
from compendium.images import as_float
from compendium.leaderboard.denoise import Denoise, in_batches
from compendium.leaderboard.tasks import Problem, Task

CALIBRATION_IMAGES = 100
"""How many validation images the strength of a filter is chosen on."""


@dataclass(frozen=True)
class Restored:
    """What a method made of the test images of a problem.

    images: float in [0, 1], (n, h, w, c). training_seconds: to train or fit. seconds: to restore all. Both
    are processor times, which other work on the machine disturbs less than a clock's. curve: of a training,
    one row per epoch, with `method`, `level`, `seed`, `epoch` and `seconds`.
    """

    images: np.ndarray
    training_seconds: float
    seconds: float
    curve: pd.DataFrame | None = None


@dataclass(frozen=True)
class Method:
    """A method under test.

    name: as tables have it. restore: `restore(problem, seed)`, which learns and restores the test images;
    the seed is that of a training. trained: whether the seed matters.
    """

    name: str
    restore: Callable[[Problem, int], Restored]
    trained: bool = False


def fitted(name: str, fit: Callable[[Problem, int], Denoise], *, trained: bool = False) -> Method:
    """Return the method that fits a denoiser to a problem, by `fit(problem, seed)`, and then applies it."""

    def restore(problem: Problem, seed: int) -> Restored:
        started = processes.seconds()
        denoise = fit(problem, seed)
        fitted_at = processes.seconds()
        images = in_batches(denoise, problem.noisy_test)
        ended = processes.seconds()
        return Restored(images.clip(0, 1), fitted_at - started, ended - fitted_at)

    return Method(name, restore, trained)


def untrained(name: str, denoise: Denoise) -> Method:
    """Return the method that applies a denoiser as it is."""
    return fitted(name, lambda problem, seed: denoise)


def calibrated(
    filters: Mapping[str, tuple[Filter, Sequence[float]]],
    problem: Problem,
    seed: int,
    images: int = CALIBRATION_IMAGES,
) -> Denoise:
    """Return the one filter given, with strength, gain and offset chosen on the first validation images."""
    noisy, clean = problem.noisy_validation[:images], problem.validation[:images]
    (found,) = baselines.calibrate(noisy, as_float(clean), filters).values()
    return found


def without_training(task: Task) -> list[Method]:
    """Return the methods for the task's kind of noise that need no training.

    The strength, gain and offset of filters for Gaussian noise are chosen on the first validation images.
    """
    mean = fitted("mean image", _mean_image)
    if task.impulse:
        return [mean, *(untrained(name, denoise) for name, denoise in baselines.IMPULSE.items())]
    filters = GAUSSIAN if task.real == "mnist" else FAINT
    return [
        untrained("noisy input", lambda noisy: noisy),
        mean,
        *(fitted(name, partial(calibrated, {name: which})) for name, which in filters.items()),
    ]


def closed_form() -> list[Method]:
    """Return the methods that are solved, not trained: the affine map of least error, and PCA.

    Of PCA, the number of components is the one of `COMPONENTS` with the lowest error on validation images.
    """
    return [fitted("affine map", _affine), fitted("PCA", _pca)]


COMPONENTS = (8, 16, 32, 64, 128, 256)
"""How many principal components the noisy images may be projected on."""


FAINT: Mapping[str, tuple[Filter, Sequence[float]]] = GAUSSIAN | {
    "Gaussian blur": (GAUSSIAN["Gaussian blur"][0], (0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1.1)),
    "total variation": (total_variation, (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)),
    "non-local means": (non_local_means, (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)),
    "wavelet": (wavelet, (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)),
}
"""The filters for Gaussian noise, with strengths for fainter noise than the digits'."""


def _mean_image(problem: Problem, seed: int) -> Denoise:
    mean = as_float(problem.train).mean(axis=0, dtype=np.float64)
    return lambda noisy: np.broadcast_to(mean, noisy.shape)


def _affine(problem: Problem, seed: int) -> Denoise:
    return baselines.affine_denoiser(problem.noisy_train(problem.train, seed), as_float(problem.train))


def _pca(problem: Problem, seed: int) -> Denoise:
    from sklearn.decomposition import PCA  # takes seconds

    clean = as_float(problem.train).reshape(len(problem.train), -1)
    most = min(max(COMPONENTS), *clean.shape)
    pca = PCA(most, svd_solver="covariance_eigh").fit(clean)

    def projected(noisy: np.ndarray, components: int) -> np.ndarray:
        axes = pca.components_[:components]
        codes = (noisy.reshape(len(noisy), -1) - pca.mean_) @ axes.T
        return (pca.mean_ + codes @ axes).reshape(noisy.shape).clip(0, 1)

    def error(components: int) -> float:
        restored = projected(problem.noisy_validation, components)
        return float(np.square(restored - as_float(problem.validation)).mean())

    best = min((number for number in COMPONENTS if number <= most), key=error)
    return lambda noisy: projected(noisy, best)
