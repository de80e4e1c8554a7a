"""What a network is compared with: classical denoisers, closed-form maps, and trivial predictors."""

from compendium.baselines.affine import pca_reconstruction
from compendium.baselines.impulse import (
    IMPULSE,
    adaptive_median,
    biharmonic,
    impulse_mask,
    linear,
    mean_colour,
    median,
    nearest,
    unchanged,
)
from compendium.baselines.trivial import TRIVIAL, check_not_collapsed, trivial_predictions

__all__ = [
    "IMPULSE",
    "TRIVIAL",
    "adaptive_median",
    "biharmonic",
    "check_not_collapsed",
    "impulse_mask",
    "linear",
    "mean_colour",
    "median",
    "nearest",
    "pca_reconstruction",
    "trivial_predictions",
    "unchanged",
]
