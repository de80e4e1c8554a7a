"""Checks of the report on the mean of two images."""

import numpy as np
import pandas as pd
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from compendium import data
from compendium.claims.checks import (
    REASONS,
    Case,
    built,
    check,
    image_set,
    order,
    ordered,
    series,
    shortfall,
    source_of,
)
from compendium.claims.rules import MARGINS, Found

FLAT = MARGINS["MSE"].size / 100  # of a loss's whole fall, below which it counts as level


@check("data")
def common_shape(case: Case) -> Found:
    """The shape that a resized digit must have to be averaged with a photo."""
    digit, photo = (image_set(name).images[0].shape for name in ("mnist", "cifar10"))
    return Found(
        "x".join(map(str, photo)),
        f"a CIFAR-10 image; an MNIST image is {'x'.join(map(str, digit))} and has to be enlarged",
    )


@check("built")
def weight_shapes(case: Case, *, layer: int) -> Found:
    """The n-th layer of the rebuilt network, from 1, its weights in the order of PyTorch's axes.

    Convolutions have (out, in, rows, columns), transposed ones (in, out, rows, columns).
    """
    one = built("mean_image_autoencoder").layers[layer - 1]
    kernel, bias = one.get_weights()
    ours = {"weight": list(kernel.transpose(3, 2, 0, 1).shape), "bias": bias.size}
    return Found(ours, f"`mean_image_autoencoder` built, its layer {layer} (`{type(one).__name__}`) counted")


@check("arithmetic")
def kinds_of_layers(case: Case, *, encoder: list, decoder: list) -> Found:
    """In PyTorch a bias is as long as its weight's first axis, a transposed convolution's as the second."""
    held = [
        one["bias"] == one["weight"][axis] != one["weight"][1 - axis]
        for axis, rows in enumerate((encoder, decoder))
        for one in map(case.published, rows)
    ]
    return Found(
        f"biases have the length of the outputs in {sum(held)} of {len(held)} layers: of the first axis of a "
        "convolution's weight in PyTorch, of the second of a transposed one's",
        f"printed shapes of {encoder[0]} to {decoder[-1]}",
        holds=all(held),
    )


@check("built")
def size_of_code(case: Case) -> Found:
    """Nothing decides how large the code is, for strides are not printed; with ours, and without any."""
    network = built("mean_image_autoencoder")
    image, last = network.input_shape[1:], network.get_layer("latent")
    strided, plain = np.prod(last.output.shape[1:]), (image[0] - last.kernel_size[0] + 1) ** 2 * last.filters
    return Found(
        f"{strided} numbers with our strides, {plain:,} without any, for an image of {np.prod(image):,}",
        "`mean_image_autoencoder` built, its code counted",
        unchecked=REASONS["left out"].format("the strides, and with them how large the code is"),
    )


@check("training")
def flat_curve(case: Case) -> Found:
    """On the scale of the whole fall, the loss has stopped falling after two thirds of the epochs.

    By which share of its whole fall the loss falls from the second third of the epochs to the last, by the
    medians of both, is below `FLAT`; compared over the seeds.
    """
    record = case.run()
    curves = pd.DataFrame(record["curves"]).query("method == 'autoencoder'")
    end = curves["epoch"].max()
    first, before, last = (
        curves[curves["epoch"].between(*epochs, inclusive="right")].groupby("seed")["val_loss"].median()
        for epochs in ((0, 1), (end / 3, 2 * end / 3), (2 * end / 3, end))
    )
    share = order(f"share of the fall minus {FLAT:.0%}", (before - last) / (first - last), FLAT)
    low, high = (last / before).agg(["min", "max"])
    return Found(
        f"from the middle third of the epochs to the last the loss falls by {share.difference + FLAT:.2%} of "
        f"its whole fall ({share.low + FLAT:.2%} to {share.high + FLAT:.2%}); the loss itself is then at "
        f"{low:.2f} to {high:.2f} of what it was",
        f"learning curves of {len(first)} seeds, {source_of(record)}; t test against {FLAT:.0%}",
        orders=[share],
        short=shortfall(record, {"epochs": 10000}),
    )


@check("arithmetic")
def mean_undone(case: Case) -> Found:
    """From the element-wise mean m of two embedded images, 2m minus either gives the other."""
    one, other = (data.load("photos").images[place] / 255 for place in (0, 1))
    mean = (one + other) / 2
    return Found(
        "2m minus one image is the other, exactly; for any R in the place of m both are off by 2(R − m)",
        "two of the embedded photos, their mean, and one of them taken from its double",
        holds=bool(np.allclose(2 * mean - one, other) and np.allclose(2 * mean - other, one)),
    )


@check("arithmetic")
def ssim_of_itself(case: Case) -> Found:
    """SSIM of an embedded photo with itself, if one value that is off by a grey level takes it below 1."""
    photo = data.load("photos").images[0] / 255
    changed = photo.copy()
    changed[0, 0, 0] += 1 / 255 if changed[0, 0, 0] < 0.5 else -1 / 255
    same, other = (
        structural_similarity(photo, image, data_range=1, channel_axis=-1) for image in (photo, changed)
    )
    return Found(
        same if other < 1 else f"1 also for other images: {other}",
        "scikit-image's SSIM of an embedded photo with itself; one value off by a grey level leaves "
        f"1 − {1 - other:.0e}",
        holds=None if other < 1 else False,
    )


@check("arithmetic")
def equal_errors(case: Case, *, row: str) -> Found:
    """The PSNR of `row`, if the report's formulas give both images the same, whatever stands for the mean."""
    one, other = (data.load("photos").images[place] / 255 for place in (0, 1))
    anything = np.random.default_rng(0).random(one.shape)
    first, second = (
        peak_signal_noise_ratio(image, 2 * anything - given, data_range=1)
        for image, given in ((one, other), (other, one))
    )
    return Found(
        case.published(row) + second - first,
        f"{row} and what the formulas add to it: with random values in the place of the network's output, "
        f"both images have {first:.4f} dB",
    )


@check("training")
def good_quality(case: Case, *, decibels: float) -> Found:
    """The recovered images have a PSNR above what the report calls good; beside it, that of other images."""
    record = case.run()
    own = series(record, {"quantity": "PSNR", "method": "recovered", "level": "digit"})
    ssim = pd.concat(
        series(record, {"quantity": "SSIM", "method": "recovered", "level": part})
        for part in ("digit", "photo")
    )
    others = series(record, {"quantity": "PSNR on other mean images", "method": "the network"}).item()
    return ordered(
        [order(f"{decibels} dB minus PSNR of the recovered images", pd.Series(decibels, own.index), own)],
        f"PSNR of {own.min():.1f} to {own.max():.1f} dB and SSIM of {ssim.min():.3f} to {ssim.max():.3f} for "
        f"the pair of each seed, {others:.1f} dB for other mean images, {source_of(record)}",
    )
