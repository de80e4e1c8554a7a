"""What every method ends in: a function that restores images, a batch of them at a time."""

from collections.abc import Callable

import numpy as np

Denoise = Callable[[np.ndarray], np.ndarray]
"""`denoise(noisy) -> restored`: float images (n, h, w, c); noise that was not clipped leads out of [0, 1]."""

BATCH = 500
"""How many images a method is given at a time."""


def in_batches(denoise: Denoise, noisy: np.ndarray) -> np.ndarray:
    """Restore noisy images, some at a time."""
    return np.concatenate([denoise(noisy[start : start + BATCH]) for start in range(0, len(noisy), BATCH)])
