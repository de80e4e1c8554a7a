"""What a network is compared with: classical denoisers, closed-form maps, and trivial predictors."""

from compendium.baselines.affine import affine_denoiser, pca_reconstruction
from compendium.baselines.gaussian import GAUSSIAN, CalibratedFilter, calibrate
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
from compendium.baselines.trivial import trivial_predictions

__all__ = [
    "GAUSSIAN",
    "IMPULSE",
    "CalibratedFilter",
    "adaptive_median",
    "affine_denoiser",
    "biharmonic",
    "calibrate",
    "impulse_mask",
    "linear",
    "mean_colour",
    "median",
    "nearest",
    "pca_reconstruction",
    "trivial_predictions",
    "unchanged",
]
