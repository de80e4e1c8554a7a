"""Checks of the report on the mean of two images."""

import numpy as np

from compendium.claims.checks import Case, built, check
from compendium.claims.rules import Found


@check("computed")
def weight_shapes(case: Case, *, layer: int) -> Found:
    """A layer of the rebuilt network, its weights in the order of PyTorch's axes.

    Convolutions have (out, in, rows, columns), transposed ones (in, out, rows, columns).
    """
    one = built("mean_image_autoencoder").layers[layer]
    weight, bias = one.get_weights()
    ours = {
        "weight": list(weight.transpose(3, 2, 0, 1).shape),
        "bias": int(bias.size),
        "params": one.count_params(),
    }
    return Found(ours, f"`mean_image_autoencoder` built, its layer {layer + 1} counted")


@check("arithmetic")
def psnr_of_halved_error(case: Case, *, row: str) -> Found:
    """PSNR of a reconstruction whose doubled error has the PSNR of `row`: a quarter of the squared error."""
    return Found(
        float(case.published(row)) + 20 * np.log10(2),
        f"{row} plus 20 log10(2) dB, as 2R - P doubles R's error",
    )
