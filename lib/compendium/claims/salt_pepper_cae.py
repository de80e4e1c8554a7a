"""Checks of the paper on salt-and-pepper noise and the convolutional autoencoder."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import KNeighborsClassifier

from compendium import data, metrics, noise, project, results
from compendium.claims.checks import (
    Case,
    built,
    check,
    image_set,
    order,
    ordered,
    orders_of,
    series,
    shortfall,
    source_of,
)
from compendium.claims.ledger import Claim
from compendium.claims.rules import ONE_RUN, Found, together

if TYPE_CHECKING:  # TensorFlow is slow to import
    from keras import Model

LEVELS = ("30 %", "60 %", "90 %")
LOSSES = ("S1-79", "S1-80", "S1-81")  # Table 3, first row
ENTROPIES = {"LAE": metrics.local_entropy, "TE": metrics.total_entropy}
C1, C2 = 0.01**2, 0.03**2  # of SSIM, for values in [0, 1]
PIXELS, VALUES = 32 * 32, 32 * 32 * 3
NEEDS = {"epochs": 500}  # of a run that is held against the paper's (3.5)
OURS = "its batch size"  # what the paper does not print of the training
COPY = 8551  # the one of the paper's four images that a set with JPEG copies does not have exactly
NEAR_ZERO = 0.1  # of SSIM, where the paper speaks of low similarity
CUT = 0.01  # bits; Table 5 is cut off after two digits, not rounded
MODERATE, STRONG = 0.3, 0.7  # where a coefficient is usually called so


# Data


@check("data")
def contents(case: Case) -> Found:
    """Images, their shape, classes, and images per class (0 if they differ) of CIFAR-10."""
    sets = [image_set("cifar10", split) for split in ("train", "test")]
    counts = np.bincount(np.concatenate([one.labels for one in sets]))
    ours = [
        sum(len(one.images) for one in sets),
        "x".join(map(str, sets[0].images.shape[1:])),
        len(counts),
        int(counts[0]) if np.ptp(counts) == 0 else 0,
    ]
    return Found(ours, "CIFAR-10, images and labels counted")


@check("data")
def split(case: Case) -> Found:
    """Numbers of training and test images of CIFAR-10."""
    return Found([len(image_set("cifar10", one).images) for one in ("train", "test")], "CIFAR-10, counted")


@check("data")
def class_of(case: Case, *, image: int) -> Found:
    """The class of a test image of CIFAR-10."""
    test = image_set("cifar10", "test")
    return Found(test.classes[test.labels[image]], f"label of test image {image}, counted from 0")


@check("data")
def clean_entropies(case: Case, *, images: list) -> Found:
    """Entropies of unaltered test images, local average (LAE) and total (TE), with the chapter's bins."""
    chosen = image_set("cifar10", "test").images[images] / 255
    ours = {of: entropy(chosen).tolist() for of, entropy in ENTROPIES.items()}
    short = next(filter(None, map(_copied, images)), None)
    how = f"test image{'s' if len(images) > 1 else ''} {_joined(images)}, with the bins of the chapter"
    return Found(ours, how, short=short)


@check("data")
def identified(case: Case) -> Found:
    """Whether the entropies printed for the originals are those of the test images of these numbers."""
    test = image_set("cifar10", "test")
    found = {of: entropy(test.images / 255) for of, entropy in ENTROPIES.items()}
    exact = [image for image in case.claim.value if not _copied(image)]
    matching = {
        image: np.all([np.abs(found[of] - _original(case, image, of)) <= CUT for of in ENTROPIES], axis=0)
        for image in exact
    }
    others = max(int(matching[image].sum() - matching[image][image]) for image in exact)
    counted_from_1 = sum(bool(matching[image][image - 1]) for image in exact)
    return Found(
        f"{sum(bool(matching[image][image]) for image in exact)} of {len(exact)} have both entropies of Table"
        f" 5, as at most {others} of the other {len(test.images) - 1:,} test images have; counted from 1,"
        f" {counted_from_1} of {len(exact)} would have them",
        f"LAE and TE of all test images of CIFAR-10, counted from 0, beside those of {_joined(exact)}",
        holds=all(bool(matching[image][image]) for image in exact),
    )


@check("data")
def in_bits(case: Case, *, row: str, image: int) -> Found:
    """Whether the total entropy of an original is printed with logarithms to the base of 2, not e."""
    bits = metrics.total_entropy(image_set("cifar10", "test").images[[image]] / 255).item()
    printed = _original(case, image, "TE")
    return Found(
        f"{bits:.3f} with log₂, {bits * np.log(2):.3f} with ln, {printed} printed",
        f"total entropy of test image {image}, beside {row}",
        holds=bool(abs(bits - printed) <= CUT < abs(bits * np.log(2) - printed)),
    )


@check("data")
def clean_target(case: Case) -> Found:
    """Whether a code of 128 numbers could reach the printed losses if the target were the altered image.

    The best linear code of 1,000 altered test images, fitted to these very images, stands for what a code of
    that size can hold of them: what it leaves are the squares of all singular values after the 128th.
    """
    images = image_set("cifar10", "test").images[:1000]
    losses = {share: case.published(row) for share, row in zip((0.3, 0.6, 0.9), LOSSES, strict=True)}
    left = {}
    for share in losses:
        altered = noise.salt_pepper(images, fraction=share, seed=42)[0].reshape(len(images), -1) / 255
        altered -= altered.mean(axis=0)
        squares = np.linalg.eigvalsh(altered @ altered.T)  # of the singular values, ascending
        left[share] = squares[:-128].sum() / altered.size
    return Found(
        "the best linear code of 128 numbers leaves a mean squared error of "
        + ", ".join(f"{error:.3f} at {share:.0%}".replace("%", " %") for share, error in left.items())
        + " of the altered images, far above the printed losses",
        "principal components of 1,000 altered test images",
        holds=bool(all(left[share] > losses[share] for share in losses)),
    )


@check("data")
def entropies_related(case: Case, *, profile: str) -> Found:
    """Whether the entropies of the recorded networks' outputs go with those of their originals."""
    outputs, source = _entropies_of_outputs(case.claim.paper, profile)
    columns = {of: [(one["clean"], one[level]) for level in LEVELS] for of, one in outputs.items()}
    found = {of: [stats.pearsonr(*pair).statistic for pair in pairs] for of, pairs in columns.items()}
    holds, fails = (
        [stats.pearsonr(*pair, alternative=side).pvalue for pairs in columns.values() for pair in pairs]
        for side in ("greater", "less")
    )
    described = "; ".join(f"{of} {', '.join(f'{one:.2f}' for one in row)}" for of, row in found.items())
    return Found(
        f"correlation of the entropies at {', '.join(LEVELS)}: {described}",
        f"originals and outputs of {len(outputs['TE']):,} test images, {source}",
        test=together(holds, fails),
    )


@check("data")
def lower_entropy(case: Case, *, profile: str) -> Found:
    """Whether the outputs of the recorded networks have a lower local entropy than their originals."""
    outputs, source = _entropies_of_outputs(case.claim.paper, profile)
    found = {
        of: [order(f"{level} minus clean", one[level], one["clean"]) for level in LEVELS]
        for of, one in outputs.items()
    }
    described = "; ".join(
        f"{of} differs by {', '.join(f'{one.difference:+.2f}' for one in orders)} bits and is lower in"
        f" {', '.join(f'{one.lower / one.pairs:.0%}' for one in orders)} of them".replace("%", " %")
        for of, orders in found.items()
    )
    return Found(
        f"images generated at {', '.join(LEVELS)}, beside their originals: {described}",
        f"outputs of {len(outputs['LAE']):,} test images, {source}; paired differences of LAE are tested",
        orders=found["LAE"],
    )


@check("data")
def nearer_in_code(case: Case, *, profile: str, known: int, asked: int) -> Found:
    """Whether the nearest code is of the right class more often than the nearest of what has no training.

    What has no training are an untrained copy of the network, and the means of 8 x 8 pixels.

    Args:
        case: the claim.
        profile: of the published run whose networks are taken.
        known: how many of the training images are looked among, with the noise of each level.
        asked: for how many of the test images the nearest is looked for.
    """
    from compendium import training  # TensorFlow: only for those who need it

    record = results.load(case.claim.paper, profile)
    train, test = (image_set("cifar10", split) for split in ("train", "test"))
    training.set_seed(record["parameters"]["seed"])
    networks = [_network(record), _network(record)]
    right: dict[str, dict[str, np.ndarray]] = {}
    for fraction, level in zip(record["parameters"]["fractions"], LEVELS, strict=True):
        networks[0].load_weights(_weights(record, fraction))
        noisy = [_noisy(record, train.images[:known], fraction, 0)]
        noisy.append(_noisy(record, test.images[:asked], fraction, len(train.images)))
        spaces = {
            "the code": [_codes(networks[0], one) for one in noisy],
            "an untrained network's": [_codes(networks[1], one) for one in noisy],
            "means of 8 x 8 pixels": [_means(one) for one in noisy],
        }
        for name, (trained_on, tested) in spaces.items():
            found = KNeighborsClassifier(1).fit(trained_on, train.labels[:known]).predict(tested)
            right.setdefault(name, {})[level] = found == test.labels[:asked]
    code, *others = right
    pairs = [(right[code][level], right[other][level]) for other in others for level in LEVELS]
    holds, fails = (
        [stats.binomtest(int((a & ~b).sum()), int((a ^ b).sum()), alternative=side).pvalue for a, b in pairs]
        for side in ("greater", "less")
    )
    described = "; ".join(
        f"by {name} {', '.join(f'{one[level].mean():.0%}' for level in LEVELS)}".replace("%", " %")
        for name, one in right.items()
    )
    return Found(
        f"share of nearest images of the same class at {', '.join(LEVELS)}: {described}; by chance 10 %",
        f"{asked:,} noisy test images among {known:,} noisy training images,"
        f" {source_of(record)}; McNemar's exact test at each level",
        test=together(holds, fails),
    )


# Numbers and identities


@check("arithmetic")
def pixels(case: Case, *, percent: int) -> Found:
    """Number of pixels that a share of a 32 x 32 image has, rounded down."""
    return Found(PIXELS * percent // 100, f"{percent} % of 32 x 32 pixels, rounded down")


@check("arithmetic")
def percentage(case: Case, *, pixels: int) -> Found:
    """Share in % of the pixels of a 32 x 32 image that a number of them is."""
    return Found(100 * pixels / PIXELS, f"{pixels} of 32 x 32 pixels")


@check("arithmetic")
def mean_of(case: Case, *, rows: list) -> Found:
    """Mean of the numbers of other rows."""
    return Found(float(np.mean([case.published(row) for row in rows])), f"mean of {', '.join(rows)}")


@check("arithmetic")
def range_of(case: Case, *, table: str, of: str) -> Found:
    """Smallest and largest number of a quantity in a table of the paper."""
    values = _rows(case, table, of)
    return Found([min(values), max(values)], f"the {len(values)} numbers for {of} in {table}")


@check("arithmetic")
def loss_formula(case: Case) -> Found:
    """Whether Eq. 1, with the one or the other meaning of its N, fits the losses and PSNRs that are printed.

    With N the number of images, the losses of Table 3 are sums over an image's values, else their means.
    """
    low, high = case.published("S1-07")
    readings = {"values": _decibels(case, 1), "images": _decibels(case, 1 / VALUES)}
    found = [f"{_from_to(one)} where N counts {name}" for name, one in readings.items()]
    return Found(
        f"the losses of Table 3 have PSNRs of {', '.join(found)}; printed are {low} to {high} dB",
        f"PSNR of the losses {', '.join(LOSSES)} beside S1-07",
        holds=any(bool(np.any((one >= low) & (one <= high))) for one in readings.values()),
    )


@check("arithmetic")
def psnr_formula(case: Case) -> Found:
    """Whether the sum of the squares, as the equations print, gives the PSNRs that the paper prints.

    The PSNR is that of an image with a loss of Table 3 as the mean of its squares.
    """
    low, high = case.published("S1-07")
    as_printed, with_mean = _decibels(case, VALUES), _decibels(case, 1)
    return Found(
        f"as printed, {_from_to(as_printed)} at the losses of Table 3; with 1/n, {_from_to(with_mean)};"
        f" the paper has {low} to {high} dB",
        f"PSNR of the losses {', '.join(LOSSES)} beside S1-07",
        holds=bool(np.any((as_printed >= low) & (as_printed <= high))),
    )


@check("arithmetic")
def ssim_factors(case: Case) -> Found:
    """Luminance, contrast and structure with exponents 1 and C3 = C2/2 multiply to the printed fraction."""
    x, y = _photos()
    means, deviations, covariance = (x.mean(), y.mean()), (x.std(), y.std()), _covariance(x, y)
    product = (
        (2 * means[0] * means[1] + C1)
        / (means[0] ** 2 + means[1] ** 2 + C1)
        * (2 * deviations[0] * deviations[1] + C2)
        / (deviations[0] ** 2 + deviations[1] ** 2 + C2)
        * (covariance + C2 / 2)
        / (deviations[0] * deviations[1] + C2 / 2)
    )
    fraction = _ssim_fraction(x, y, covariance)
    return Found(
        f"product {product:.12f}, fraction {fraction:.12f}",
        "two of the embedded photos, a single window, σ_xy their covariance",
        holds=bool(np.isclose(product, fraction, rtol=1e-12)),
    )


@check("arithmetic")
def correlation_for_covariance(case: Case) -> Found:
    """SSIM of an image with itself where sigma_xy is the correlation coefficient, as the text says."""
    photo = _photos()[0]
    ours = _ssim_fraction(photo, photo, 1.0)
    return Found(
        f"an image would have an SSIM of {ours:.1f} with itself, beyond the printed range of -1 to 1;"
        " with the covariance it is 1",
        "an embedded photo in the equation, a single window",
        holds=bool(abs(ours) <= 1),
    )


@check("arithmetic")
def layers_in_table(case: Case, *, first: str, last: str) -> Found:
    """How many layers of each kind the table has from one row to another."""
    names = list(case.claims)
    rows = [case.claims[name].claim for name in names[names.index(first) : names.index(last) + 1]]
    kinds = {"convolutions": " a convolution ", "max poolings": " a max pooling "}
    kinds |= {"transposed convolutions": " a transposed convolution ", "upsamplings": " an upsampling "}
    ours = {kind: sum(words in row for row in rows) for kind, words in kinds.items()}
    return Found(ours, f"Table 1, {first} to {last}")


@check("arithmetic")
def columns(case: Case) -> Found:
    """Nothing can be said of columns that the text may have lost; their numbers beside the printed ranges."""
    ranges = dict(zip(("SSIM", "PCC", "PSNR"), ("S1-05", "S1-06", "S1-07"), strict=True))
    outside = []
    for place, (name, row) in enumerate(ranges.items()):
        low, high = case.published(row)
        column = [numbers[place] for numbers in _table_4(case).values()]
        outside.append(f"{name} {sum(not low <= value <= high for value in column)} of {len(column)}")
    return Found(
        f"numbers outside the range that is printed for the metric of their column: {', '.join(outside)};"
        " as SSIM of three levels all are within",
        f"columns of Table 4 beside {', '.join(ranges.values())}",
        unchecked="the text that we have may lack columns of the table",
    )


@check("arithmetic")
def entropies_of_outputs(case: Case, *, of: str, lower: bool, images: list, share: float) -> Found:
    """Of the generated images of Table 5, how many have a lower, or higher, entropy than their original.

    Args:
        case: the claim.
        of: LAE or TE.
        lower: whether the claim says that the generated images have the lower entropy.
        images: the originals that the claim is about.
        share: the claim holds where more of the generated images than this share are so, or all of them.
    """
    table = _table_5(case)
    changes = np.array([np.array(table[image][of], float) - _original(case, image, of) for image in images])
    count = int((changes < 0).sum() if lower else (changes > 0).sum())
    return Found(
        f"{of} is {'lower' if lower else 'higher'} in {count} of the {changes.size} generated images,"
        f" by {np.abs(changes).min():.2f} to {np.abs(changes).max():.2f} bits",
        f"Table 5, images generated from {_joined(images)}",
        holds=count == changes.size or count > share * changes.size,
    )


@check("arithmetic")
def last_is_highest(case: Case) -> Found:
    """Whether the last of several methods has the highest number by each of the measures that are printed."""
    ahead = {measure: row[-1] - max(row[:-1]) for measure, row in case.claim.value.items()}
    described = " and ".join(f"{gap:.3g} in {measure}" for measure, gap in ahead.items())
    return Found(
        f"the last is ahead of the next one by {described}",
        "the numbers of the sentence",
        holds=min(ahead.values()) > 0,
    )


@check("arithmetic")
def measures(case: Case, *, row: str) -> Found:
    """The measures of which another row prints numbers."""
    return Found(list(case.published(row)), f"beside {row}")


@check("arithmetic")
def rising(case: Case) -> Found:
    """Whether the numbers of each list increase from one to the next."""
    increases = {name: 100 * (row[-1] / row[0] - 1) for name, row in case.claim.value.items()}
    described = ", ".join(f"{name} by {increase:.0f} %" for name, increase in increases.items())
    return Found(
        f"from DL-1 to DL-3, {described}",
        "the times that the sentence gives",
        holds=all(bool((np.diff(row) > 0).all()) for row in case.claim.value.values()),
    )


# Networks, formulas and defaults


@check("built")
def sizes(case: Case) -> Found:
    """What the network takes (values), its code (shape and values), and what it gives (shape)."""
    network = built("cae")
    code = list(network.get_layer("latent").output.shape[1:])
    ours = {
        "input": int(np.prod(network.input_shape[1:])),
        "code": [*code, int(np.prod(code))],
        "output": "x".join(map(str, network.output_shape[1:])),
    }
    return Found(ours, "`cae` built, its input, code and output")


@check("built")
def keras_defaults(case: Case) -> Found:
    """The defaults of Adam in Keras."""
    import keras  # slow to load: only for those who need it

    adam = keras.optimizers.Adam()
    names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    ours = {name: float(f"{float(getattr(adam, name)):.7g}") for name in names}  # a float32 has seven digits
    return Found(ours, f"`keras.optimizers.Adam()` of Keras {keras.__version__}")


@check("built")
def negative_ssim(case: Case) -> Found:
    """Whether SSIM is 1 for a photo and itself, near 0 for noise, and below 0 for its negative."""
    photo = _photos()[0]
    others = {"itself": photo, "noise": np.random.default_rng(42).random(photo.shape), "negative": 1 - photo}
    ours = {name: metrics.ssim(photo[None], other[None]).item() for name, other in others.items()}
    return Found(
        f"a photo has an SSIM of {ours['itself']:.2f} with itself, {ours['noise']:.2f} with noise, and"
        f" {ours['negative']:.2f} with its negative, where each edge is reversed",
        "an embedded photo, scikit-image's SSIM",
        holds=bool(
            np.isclose(ours["itself"], 1) and abs(ours["noise"]) < NEAR_ZERO and -1 <= ours["negative"] < 0
        ),
    )


@check("arithmetic")
def pearson(case: Case) -> Found:
    """Eq. 5 written out over all values of two photos is Pearson's coefficient."""
    x, y = (photo.ravel() for photo in _photos())
    a, b = x - x.mean(), y - y.mean()
    ours, library = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()), stats.pearsonr(x, y).statistic
    return Found(
        f"{ours:.12f} as printed, {library:.12f} by SciPy",
        "two embedded photos",
        holds=bool(np.isclose(ours, library, rtol=1e-12)),
    )


@check("built")
def entropy_extremes(case: Case) -> Found:
    """Entropy of an image of one value, of a photo, and of one whose values are uniformly distributed."""
    noisy = np.random.default_rng(42).random((32, 32, 3))
    flat, photo, uniform = (
        metrics.total_entropy(image[None], bins=256).item()
        for image in (np.full((32, 32, 3), 0.5), _photos()[0], noisy)
    )
    return Found(
        f"{flat:.1f} bits with one value, {photo:.1f} for a photo, {uniform:.1f} with uniformly distributed"
        " values",
        "histograms of 256 bins, summed over channels",
        holds=bool(flat < photo < uniform),
    )


@check("built")
def mutual_information(case: Case) -> Found:
    """Entropy of a photo beside its mutual information with a photo that has nothing to do with it."""
    x, y = ((photo * 7.999).astype(int).ravel() for photo in _photos())
    entropy, shared = (mutual_info_score(x, other) / np.log(2) for other in (x, y))
    return Found(
        f"{entropy:.2f} bits of entropy, {shared:.2f} bits of mutual information with another photo: the one"
        " is a measure of one variable, the other of two",
        "two embedded photos in eight levels per channel",
        holds=bool(np.isclose(entropy, shared)),
    )


@check("built")
def triangle(case: Case) -> Found:
    """1 - SSIM against the triangle inequality: by way of the mean of two images it is shorter."""
    x = _photos()[0]
    z = noise.gaussian(x[None], sigma=0.1, seed=42)[0]
    direct, first, second = (
        1 - metrics.ssim(a[None], b[None]).item() for a, b in ((x, z), (x, (x + z) / 2), ((x + z) / 2, z))
    )
    return Found(
        f"from a photo to a noisy one {direct:.3f}, by way of their mean only {first + second:.3f}: the"
        " triangle inequality, which every metric obeys, is violated",
        "1 − SSIM of an embedded photo with itself and Gaussian noise of σ = 0.1",
        holds=bool(direct > first + second),
    )


@check("arithmetic")
def regions(case: Case, *, side: int) -> Found:
    """Number of the square regions of some pixels' side that an image of 32 x 32 is divided into."""
    return Found((32 // side) ** 2, f"{32 // side} x {32 // side} regions")


# Recorded runs


@check("training")
def extremes(case: Case, *, quantity: str) -> Found:
    """Smallest and largest number of the network for the four images at all levels."""
    record = case.run()
    numbers = _series_of_four(case, quantity)
    return Found(
        [numbers.min(), numbers.max()],
        f"{quantity} of four images at three levels, {source_of(record)}",
        short=shortfall(record, NEEDS),
        lacks=ONE_RUN,
        left_out=OURS,
    )


@check("training")
def apart(case: Case, *, quantity: str, low: list, high: list) -> Found:
    """At every level, the network's numbers of some images are below those of others, seed by seed.

    Args:
        case: the claim.
        quantity: which numbers.
        low: numbers of images; the highest of them is compared with
        high: numbers of other images, the lowest of them.
    """
    record, orders = case.run(), []
    numbers = _series_of_four(case, quantity)
    for level in LEVELS:
        at_level = numbers.xs(level, level="level").unstack("image")
        lower, higher = at_level[low].max(axis=1), at_level[high].min(axis=1)
        orders.append(order(f"{_joined(low)} minus {_joined(high)} at {level}", lower, higher))
    how = f"{quantity}, the highest of the one minus the lowest of the other, {source_of(record)}"
    return ordered(orders, how, short=shortfall(record, NEEDS), left_out=OURS)


@check("training")
def lowest_at(case: Case, *, quantity: str, level: str) -> Found:
    """The network's mean over all test images is lower at this level than at each of the others."""
    record, common = case.run(), {"quantity": quantity, "method": "CAE"}
    others = [one for one in LEVELS if one != level]
    orders = [
        one
        for other in others
        for one in orders_of(record, [common | {"level": level}, common | {"level": other}])
    ]
    how = f"{quantity} of the test images, {source_of(record)}"
    return ordered(orders, how, short=shortfall(record, NEEDS), left_out=OURS)


@check("training")
def slower_decline(case: Case, *, losses: list) -> Found:
    """The last loss is the higher the higher the level; beside it, its share of the first epoch's loss."""
    record = case.run()
    curves = pd.DataFrame(record["curves"]).sort_values("epoch").groupby("level")
    names, found, holds = {"loss": "in training", "val_loss": "in validation"}, [], True
    for loss in losses:
        last, first = (curves[loss].nth(place).to_numpy() for place in (-1, 0))
        found.append(
            f"{names[loss]} {', '.join(f'{value:.4f}' for value in last)},"
            f" of the first epoch's {', '.join(f'{share:.0%}' for share in last / first)}".replace("%", " %")
        )
        holds = holds and bool((np.diff(last) > 0).all())
    return Found(
        f"last losses at {', '.join(LEVELS)}: {'; '.join(found)}",
        f"learning curves of one network per level, {source_of(record)}",
        holds=holds,
        short=shortfall(record, NEEDS),
        lacks=ONE_RUN,
        left_out=OURS,
    )


@check("training")
def of_image(case: Case, *, image: int, quantities: list) -> Found:
    """Numbers of the network's outputs for one image at the three levels, means over seeds.

    A list where one quantity is named, else a mapping of such lists.
    """
    record = case.run()
    ours, seeds = {}, set()
    for quantity in quantities:
        chosen = [{"quantity": quantity, "method": "CAE", "level": level, "image": image} for level in LEVELS]
        numbers = [series(record, one) for one in chosen]
        ours[quantity] = [float(one.mean()) for one in numbers]
        seeds |= {len(one) for one in numbers}
    return Found(
        ours if len(quantities) > 1 else ours[quantities[0]],
        f"image {image} at {', '.join(LEVELS)}, {source_of(record)}",
        short=shortfall(record, NEEDS),
        lacks=ONE_RUN if min(seeds) == 1 else None,
        left_out=OURS,
    )


@check("training")
def moderate_and_strong(case: Case) -> Found:
    """Mean SSIM of the outputs is between 0.3 and 0.7, mean PCC above 0.7, at every level; of one network."""
    record = case.run()
    means = {
        name: [series(record, {"quantity": name, "method": "CAE", "level": level}).mean() for level in LEVELS]
        for name in ("SSIM", "PCC")
    }
    return Found(
        "; ".join(f"{name} {', '.join(f'{value:.3f}' for value in one)}" for name, one in means.items()),
        f"means over all test images at {', '.join(LEVELS)}, {source_of(record)}",
        holds=all(MODERATE <= value < STRONG for value in means["SSIM"]) and min(means["PCC"]) >= STRONG,
        short=shortfall(record, NEEDS),
        lacks=ONE_RUN,
        left_out=OURS,
    )


def _series_of_four(case: Case, quantity: str) -> pd.Series:
    """Return a quantity of the network's outputs for the paper's four images, by (seed, image, level)."""
    numbers = {
        level: series(case.run(), {"quantity": quantity, "method": "CAE", "level": level, "image": "each"})
        for level in LEVELS
    }
    by_level = pd.concat(numbers, names=["level"]).reorder_levels(["seed", "image", "level"])
    return by_level[by_level.index.get_level_values("image").isin(case.published("S1-107"))]


@cache
def _entropies_of_outputs(chapter: str, profile: str) -> tuple[dict[str, pd.DataFrame], str]:
    """Return both entropies of all test images and of the recorded networks' outputs, and the run's name.

    By entropy a table with one row per image, its columns "clean" and the levels.
    """
    from compendium import training  # TensorFlow: only for those who need it

    record, test = results.load(chapter, profile), image_set("cifar10", "test")
    first, network = len(image_set("cifar10", "train").images), _network(record)
    versions = {"clean": test.images / 255}
    for fraction, level in zip(record["parameters"]["fractions"], LEVELS, strict=True):
        network.load_weights(_weights(record, fraction))
        noisy = _noisy(record, test.images, fraction, first)
        versions[level] = training.predict(network, noisy).clip(0, 1).astype(np.float64)
    found = {
        of: pd.DataFrame({name: entropy(images) for name, images in versions.items()})
        for of, entropy in ENTROPIES.items()
    }
    return found, source_of(record)


def _network(record: Mapping[str, Any]) -> "Model":
    return built("cae", output_activation=record["parameters"]["output_activation"])


def _weights(record: Mapping[str, Any], fraction: float) -> Path:
    return project.RESULTS / record["chapter"] / record["profile"] / f"cae-{fraction}.weights.h5"


def _noisy(record: Mapping[str, Any], images: np.ndarray, fraction: float, first: int) -> np.ndarray:
    """Images with the noise that they have in the run; the first of them has this index."""
    seed = record["parameters"]["seed"]
    return noise.salt_pepper(images, fraction=fraction, seed=seed, first_index=first)[0]


def _codes(network: "Model", images: np.ndarray) -> np.ndarray:
    import keras

    from compendium import training

    encoder = keras.Model(network.inputs[0], network.get_layer("latent").output)
    return training.predict(encoder, images).reshape(len(images), -1)


def _means(images: np.ndarray, side: int = 8) -> np.ndarray:
    """Means of the squares of some pixels' side that an image is divided into, `(n, squares * channels)`."""
    count, rows, columns, channels = images.shape
    squares = images.reshape(count, rows // side, side, columns // side, side, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1)


def _copied(image: int) -> str | None:
    notes = image_set("cifar10", "test").notes
    return f"image {COPY} comes from a JPEG copy in the data used" if notes and image == COPY else None


def _rows(case: Case, table: str, of: str) -> list[float]:
    """All numbers of a quantity in Table 4 or Table 5."""
    if table == "Table 4":
        return [number for row in _table_4(case).values() for number in row]
    rows = {image: row[of] for image, row in _table_5(case).items()}
    return [number for image, row in rows.items() for number in (_original(case, image, of), *row)]


def _table_4(case: Case) -> dict[int, list[float]]:
    """SSIM of the generated images as printed, by image."""
    return {row.arguments["image"]: row.value for row in _of_check(case, "of image", "Table 4")}


def _table_5(case: Case) -> dict[int, dict[str, list[float]]]:
    """Entropies of the generated images as printed, by image and kind of entropy."""
    return {row.arguments["image"]: row.value for row in _of_check(case, "of image", "Table 5")}


def _original(case: Case, image: int, of: str) -> float:
    """Entropy of an original as Table 5 prints it."""
    printed = {
        number: entropy
        for row in _of_check(case, "clean entropies", "Table 5")
        for number, entropy in zip(row.arguments["images"], row.value[of], strict=True)
    }
    return printed[image]


def _of_check(case: Case, check: str, table: str) -> list[Claim]:
    rows = [row for row in case.claims.values() if row.paper == case.claim.paper and row.check == check]
    return [row for row in rows if row.location.startswith(f"{table} ")]


def _decibels(case: Case, factor: float) -> np.ndarray:
    """PSNR of the printed losses, each times a factor, as the mean squared error of an image."""
    return -10 * np.log10(np.array([case.published(row) for row in LOSSES], float) * factor)


def _from_to(decibels: np.ndarray) -> str:
    return f"{decibels.min():.1f} to {decibels.max():.1f} dB"


def _photos() -> tuple[np.ndarray, np.ndarray]:
    photos = data.load("photos").images
    return photos[0] / 255, photos[500] / 255


def _covariance(x: np.ndarray, y: np.ndarray) -> float:
    return float(((x - x.mean()) * (y - y.mean())).mean())


def _ssim_fraction(x: np.ndarray, y: np.ndarray, sigma: float) -> float:
    """Eq. 4 with a given sigma_xy, the whole image as its window."""
    return ((2 * x.mean() * y.mean() + C1) * (2 * sigma + C2)) / (
        (x.mean() ** 2 + y.mean() ** 2 + C1) * (x.var() + y.var() + C2)
    )


def _joined(numbers: list[int]) -> str:
    *others, last = map(str, numbers)
    return f"{', '.join(others)} and {last}" if others else last
