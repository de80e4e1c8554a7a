"""What a network is compared with: classical denoisers, closed-form maps, and trivial predictors.

A denoiser takes `noisy`, float32 or float64 images in [0, 1] of shape (n, h, w) or (n, h, w, c), and returns
as many of the same shape. Those for salt-and-pepper noise raise ValueError for other inputs; all of them but
`unchanged` and `median` find the altered pixels with `impulse_mask` and leave the others, the intact ones, as
they are. An image without an intact pixel becomes mid-grey, 0.5.
"""

from compendium.baselines.affine import affine_denoiser, pca_reconstruction, principal_components
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
    "principal_components",
    "trivial_predictions",
    "unchanged",
]
