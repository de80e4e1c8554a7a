"""Checks of the report on the mean of two images."""

import numpy as np
import pandas as pd
from skimage.metrics import structural_similarity

from compendium import data, statistics
from compendium.claims.checks import Case, built, check, image_set, recorded, series, source_of
from compendium.claims.rules import Found

GOOD = 30  # dB; what the report calls good (S2-20)


@check("data")
def common_shape(case: Case) -> Found:
    """The shape that a resized digit must have to be averaged with a photo."""
    digit, photo = (image_set(name).images[0].shape for name in ("mnist", "cifar10"))
    return Found(
        "x".join(map(str, photo)),
        f"a CIFAR-10 image; an MNIST image is {'x'.join(map(str, digit))} and has to be enlarged",
    )


@check("computed")
def mean_undone(case: Case) -> Found:
    """From the element-wise mean m of two embedded images, 2m minus either gives the other."""
    one, other = (data.load("photos").images[place] / 255 for place in (0, 1))
    mean = (one + other) / 2
    return Found(
        "2m minus one image is the other, exactly; for any R in the place of m both are off by 2(R−m)",
        "two of the embedded photos, their mean, and one of them taken from its double",
        holds=bool(np.allclose(2 * mean - one, other) and np.allclose(2 * mean - other, one)),
    )


@check("computed")
def weight_shapes(case: Case, *, layer: int) -> Found:
    """The n-th layer of the rebuilt network, from 1, its weights in the order of PyTorch's axes.

    Convolutions have (out, in, rows, columns), transposed ones (in, out, rows, columns).
    """
    one = built("mean_image_autoencoder").layers[layer - 1]
    kernel, bias = one.get_weights()
    ours = {
        "weight": list(kernel.transpose(3, 2, 0, 1).shape),
        "bias": bias.size,
        "parameters": one.count_params(),
    }
    return Found(ours, f"`mean_image_autoencoder` built, its layer {layer} (`{type(one).__name__}`) counted")


@check("consistency")
def transposed(case: Case, *, rows: list) -> Found:
    """A transposed convolution has a bias as long as its weight's second axis, a convolution as its first."""
    layers = [case.published(row) for row in rows]
    return Found(
        "biases have the length of the second axis, the outputs of a transposed convolution in PyTorch",
        f"printed shapes of {', '.join(rows)}",
        holds=all(one["bias"] == one["weight"][1] != one["weight"][0] for one in layers),
    )


@check("computed")
def ssim_of_itself(case: Case) -> Found:
    """SSIM of an embedded photo with itself; and with its negative, to see that 1 is not what all have."""
    photo = data.load("photos").images[0] / 255
    same, other = (
        structural_similarity(photo, image, data_range=1, channel_axis=-1) for image in (photo, 1 - photo)
    )
    return Found(same, f"scikit-image's SSIM of an embedded photo with itself; with its negative {other:.2f}")


@check("recorded")
def converged(case: Case) -> Found:
    """The loss has stopped falling: its median over the last doubling of epochs is that over the one before.

    Compared are logarithms, over seeds; falling means that the interval of the mean change is below 0.
    """
    record = case.run()
    curves = pd.DataFrame(record["curves"]).query("method == 'autoencoder'")
    end = curves["epoch"].max()
    last = curves[curves["epoch"] > end / 2].groupby("seed")["val_loss"].median()
    before = curves[curves["epoch"].between(end / 4, end / 2)].groupby("seed")["val_loss"].median()
    change = statistics.mean_interval(np.log(last / before))
    low, high = (last / before).agg(["min", "max"])
    return Found(
        f"in the last doubling of epochs the median loss falls to {low:.2f} to {high:.2f} of what it was",
        f"learning curves of {len(last)} seeds, {source_of(record)}",
        holds=change.high >= 0,
    )


@check("recorded")
def ssim_of_photo(case: Case) -> Found:
    """Recorded SSIM of the photo; and in direction: at an equal error most digits have a lower one."""
    share = {"method": "error of R, scaled", "level": "equal error"}
    low, estimate = (
        series(case.run(), share | {"quantity": name}).item() for name in ("from", "digit lower, %")
    )
    found = recorded(case, quantity="SSIM", method="recovered", level="photo")
    return Found(
        found.ours,
        f"{found.how}; at an equal error the digit has the lower SSIM in {estimate:.0f} % of 300 pairs",
        runs=found.runs,
        holds=low > 50,
    )


@check("arithmetic")
def psnr_of_halved_error(case: Case, *, row: str) -> Found:
    """PSNR of a reconstruction whose doubled error has the PSNR of `row`: a quarter of the squared error."""
    ours = case.published(row) + 20 * np.log10(2)
    return Found(ours, f"the printed {row} plus 20 log₁₀ 2 dB: 2R − P doubles the error of R")


@check("recorded")
def good_quality(case: Case) -> Found:
    """PSNR of the recovered images, and of what the network makes of mean images that it has not seen."""
    record = case.run()
    own = series(record, {"quantity": "PSNR", "method": "recovered", "level": "digit"})
    others = series(record, {"quantity": "PSNR on other mean images", "method": "the network"}).item()
    elsewhere = f"on mean images that it was not trained on, the network has {others:.1f} dB"
    return Found(
        f"{own.min():.1f} to {own.max():.1f} dB for the one pair of each seed, {others:.1f} dB for others",
        f"held against the report's {GOOD} dB for good, {source_of(record)}",
        holds=bool(own.min() > GOOD),
        short=elsewhere if others <= GOOD else None,
    )
