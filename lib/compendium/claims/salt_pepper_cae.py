"""Checks of the paper on salt-and-pepper noise and the convolutional autoencoder."""

import itertools

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import mutual_info_score

from compendium import data, metrics, noise, statistics
from compendium.claims.checks import (
    ONE_RUN,
    Case,
    all_hold,
    built,
    check,
    image_set,
    series,
    shortfall,
    source_of,
)
from compendium.claims.ledger import Claim
from compendium.claims.rules import Found

LEVELS = ("30 %", "60 %", "90 %")
LOSSES = ("S1-79", "S1-80", "S1-81")  # Table 3, first row
ENTROPIES = {"LAE": metrics.local_entropy, "TE": metrics.total_entropy}
C1, C2 = 0.01**2, 0.03**2  # of SSIM, for values in [0, 1]
PIXELS, VALUES = 32 * 32, 32 * 32 * 3
NEEDS = {"epochs": 500}  # of a run that is held against the paper's (S1-53)
COPY = 8551  # the one of the paper's four images that a set with JPEG copies does not have exactly
NEAR_ZERO = 0.1  # of SSIM, where the paper speaks of low similarity
CUT = 0.01  # bits; Table 5 is cut off after two digits, not rounded
MODERATE, STRONG = 0.3, 0.7  # where a coefficient is usually called so


# Data


@check("data")
def contents(case: Case) -> Found:
    """Images, their shape, classes, and images a class (0 if they differ) of CIFAR-10."""
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
def clean_entropy(case: Case, *, image: int, of: str) -> Found:
    """Entropy of an unaltered test image: `of` LAE (local average) or TE (total), with the chapter's bins."""
    test = image_set("cifar10", "test")
    ours = ENTROPIES[of](test.images[[image]] / 255).item()
    return Found(ours, f"{of} of test image {image} with the bins of the chapter", short=_copied(image))


@check("data")
def identified(case: Case) -> Found:
    """Whether the entropies printed for the four originals are those of the test images of these numbers."""
    test = image_set("cifar10", "test")
    found = {of: entropy(test.images / 255) for of, entropy in ENTROPIES.items()}
    matching = {
        image: np.all(
            [np.abs(found[of] - _table(case, of)[image]["Image"]) <= CUT for of in ENTROPIES], axis=0
        )
        for image in case.claim.value
    }
    exact = [image for image in matching if not _copied(image)]
    others = max(int(matching[image].sum() - matching[image][image]) for image in exact)
    return Found(
        f"{sum(matching[image][image] for image in exact)} of {len(exact)} have both entropies of Table 5,"
        f" which at most {others} of the other {len(test.images) - 1:,} test images have",
        "LAE and TE of all test images of CIFAR-10, counted from 0; whether the draw was random is not shown",
        holds=all(bool(matching[image][image]) for image in exact),
        short=_copied(COPY),
    )


@check("data")
def in_bits(case: Case, *, row: str, image: int) -> Found:
    """Whether the total entropy of an original is printed with logarithms to the base of 2, not e."""
    bits = metrics.total_entropy(image_set("cifar10", "test").images[[image]] / 255).item()
    printed = case.published(row)
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
def similar_entropies(case: Case) -> Found:
    """Whether the originals' entropies are alike: their range should hold few of all test images."""
    images = image_set("cifar10", "test").images / 255
    shares = {}
    for of, entropy in ENTROPIES.items():
        printed = [versions["Image"] for versions in _table(case, of).values()]
        found = entropy(images)
        shares[of] = np.mean((found >= min(printed)) & (found <= max(printed) + CUT))
    described = ", ".join(f"{share:.0%} by {of}".replace("%", " %") for of, share in shares.items())
    return Found(
        f"the range of the four originals holds, of all test images, {described}",
        "LAE and TE of the 10,000 test images beside Table 5",
        holds=bool(max(shares.values()) < 0.5),
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


@check("consistency")
def range_of(case: Case, *, table: str, of: str) -> Found:
    """Smallest and largest number of a quantity in a table of the paper."""
    rows = _rows(case, table, of)
    values = [row.value for row in rows]
    return Found([min(values), max(values)], f"the {len(rows)} numbers for {of} in {table}")


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


@check("consistency")
def layers_in_table(case: Case, *, first: str, last: str) -> Found:
    """How many layers of each kind the table has from one row to another."""
    names = list(case.claims)
    rows = [case.claims[name].claim for name in names[names.index(first) : names.index(last) + 1]]
    kinds = {"convolutions": " a convolution ", "max poolings": " a max pooling "}
    kinds |= {"transposed convolutions": " a transposed convolution ", "upsamplings": " an upsampling "}
    ours = {kind: sum(words in row for row in rows) for kind, words in kinds.items()}
    return Found(ours, f"Table 1, {first} to {last}")


@check("consistency")
def within_headings(case: Case) -> Found:
    """Whether the three columns of Table 4 hold what heads them, as the printed ranges tell."""
    ranges = dict(zip(("SSIM", "PCC", "PSNR"), ("S1-05", "S1-06", "S1-07"), strict=True))
    outside = {}
    for place, (name, row) in enumerate(ranges.items(), 1):
        low, high = case.published(row)
        column = [row.value for row in _rows(case, "Table 4", "SSIM") if f"DL-{place}" in row.quantity]
        outside[name] = f"{sum(not low <= value <= high for value in column)} of {len(column)}"
    found = ", ".join(f"{name} {count}" for name, count in outside.items())
    return Found(
        f"numbers outside the range printed for the heading: {found}; as SSIM of three levels all fit",
        f"columns of Table 4 beside {', '.join(ranges.values())}",
        holds=all(count.startswith("0") for count in outside.values()),
    )


@check("consistency")
def lower_than_original(case: Case, *, of: str, lower: str) -> Found:
    """Of the generated images of Table 5, how many have a lower entropy, or how many originals have.

    Args:
        case: the claim, whose value begins with the count.
        of: LAE or TE.
        lower: "generated" or "original".
    """
    pairs = _differences(case, of)
    count = sum(change < 0 if lower == "generated" else change > 0 for change in pairs.values())
    ours = f"{count} of {len(pairs)}"
    return Found(ours, f"{of} of Table 5, {lower} lower", holds=str(case.claim.value).startswith(ours))


@check("consistency")
def all_lower(case: Case) -> Found:
    """Whether the generated images of Table 5 have the lower entropy, by both of its columns."""
    changes = {of: _differences(case, of).values() for of in ENTROPIES}
    counts = [f"{of} in {sum(change < 0 for change in one)} of {len(one)}" for of, one in changes.items()]
    return Found(
        f"generated images are lower by {', '.join(counts)}",
        "Table 5, each output beside its original",
        holds=all(change < 0 for one in changes.values() for change in one),
    )


@check("consistency")
def best_by(case: Case, *, best: str, rows: list, measures: list) -> Found:
    """Whether the measures named are those printed, and one row is ahead of others by all of them."""
    top, others = case.published(best), [case.published(row) for row in rows]
    ahead = all(top[name] > other[name] for name in top for other in others)
    return Found(
        f"printed are {' and '.join(top)}, and by these {best} is {'ahead' if ahead else 'not ahead'};"
        f" not printed: {', '.join(sorted(set(measures) - set(top))) or 'nothing'}",
        f"beside {', '.join(rows)}",
        holds=ahead and set(measures) <= set(top),
    )


# Networks, formulas and defaults


@check("computed")
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


@check("computed")
def keras_defaults(case: Case) -> Found:
    """The defaults of Adam in Keras."""
    import keras  # slow to load: only for those who need it

    adam = keras.optimizers.Adam()
    names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    ours = {name: float(f"{float(getattr(adam, name)):.7g}") for name in names}  # a float32 has seven digits
    return Found(ours, f"`keras.optimizers.Adam()` of Keras {keras.__version__}")


@check("computed")
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


@check("computed")
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


@check("computed")
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


@check("computed")
def triangle(case: Case) -> Found:
    """1 - SSIM against the triangle inequality: by way of the mean of two images it is shorter."""
    x = _photos()[0]
    z = noise.gaussian(x[None], sigma=0.1, seed=42)[0]
    direct, first, second = (
        1 - metrics.ssim(a[None], b[None]).item() for a, b in ((x, z), (x, (x + z) / 2), ((x + z) / 2, z))
    )
    return Found(
        f"from a photo to a noisy one {direct:.3f}, by way of their mean only {first + second:.3f}",
        "1 − SSIM of an embedded photo with itself and Gaussian noise of σ = 0.1",
        holds=bool(direct > first + second),
        short="that PCC is more accurate would need pairs of images with judgements of their likeness",
    )


@check("computed")
def regions(case: Case) -> Found:
    """Number of the regions of 4 x 4 pixels of an image of 32 x 32."""
    rows, columns = metrics.entropy_map(_photos()[0][None]).shape[1:]
    return Found({"size": f"{32 // rows}x{32 // columns}", "count": rows * columns}, "`metrics.entropy_map`")


# Recorded runs


@check("recorded")
def extremes(case: Case, *, quantity: str) -> Found:
    """Smallest and largest number of the network for the four images at all levels."""
    record = case.run()
    numbers = _series_of_four(case, quantity)
    return Found(
        [numbers.min(), numbers.max()],
        f"{quantity} of four images at three levels, {source_of(record)}",
        short=shortfall(record, NEEDS),
        lacks=ONE_RUN,
    )


@check("recorded")
def apart(case: Case, *, orders: list) -> Found:
    """At every level, the network's numbers of some images are below those of others.

    Args:
        case: the claim.
        orders: each with `quantity`, and the numbers of the images that are `low` and `high`.
    """
    record, found, holds = case.run(), [], True
    for order in orders:
        numbers = _series_of_four(case, order["quantity"])
        gaps = numbers[order["high"]].groupby("level").min() - numbers[order["low"]].groupby("level").max()
        holds = holds and bool((gaps > 0).all())
        at_levels = ", ".join(
            f"{'lower than all' if gap > 0 else 'higher than the lowest'} by {abs(gap):#.3g} at {level}"
            for level, gap in gaps.items()
        )
        found.append(
            f"{order['quantity']} of {_joined(order['low'])}, beside {_joined(order['high'])}: {at_levels}"
        )
    return Found("; ".join(found), source_of(record), holds=holds, short=shortfall(record, NEEDS))


@check("recorded")
def lowest_at(case: Case, *, quantity: str, level: str) -> Found:
    """The network's mean over all test images is lower at this level than at the others."""
    record = case.run()
    numbers = {
        one: series(record, {"quantity": quantity, "method": "CAE", "level": one}).item() for one in LEVELS
    }
    return Found(
        ", ".join(f"{value:.4f} at {one}" for one, value in numbers.items()),
        f"{quantity} of the test images, {source_of(record)}",
        holds=all(numbers[level] < value for one, value in numbers.items() if one != level),
        short=shortfall(record, NEEDS),
    )


@check("recorded")
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
    )


@check("recorded")
def longer(case: Case, *, times: list) -> Found:
    """The seconds of an epoch, compared in pairs of epochs, increase from level to level.

    `times` are the rows with the printed times, lowest level first. The claim fails where the whole interval
    of the increase from the lowest level to the highest is below the printed one.
    """
    record = case.run()
    seconds = pd.DataFrame(record["curves"]).pivot(index="epoch", columns="level", values="seconds")
    lowest, highest = LEVELS[0], LEVELS[-1]
    increase = statistics.paired_comparison(seconds[highest], seconds[lowest])
    share, least, most = 100 * np.array(increase[:3]) / seconds[lowest].mean()
    printed = 100 * (case.published(times[-1]) / case.published(times[0]) - 1)
    steps = [
        statistics.paired_comparison(seconds[low], seconds[high]).below_zero
        for low, high in itertools.pairwise(LEVELS)
    ]
    holds = all_hold(steps) or (False if most < printed else None)
    return Found(
        f"from {lowest} to {highest} the time of an epoch changes by {share:+.1f} % ({least:+.1f} to"
        f" {most:+.1f} %), printed {printed:+.1f} %; images, network and operations are the same",
        f"times of {len(seconds)} epochs a level, {source_of(record)}",
        holds=holds,
        lacks="the interval of the increase holds both 0 and what is printed" if holds is None else None,
    )


@check("recorded")
def moderate_and_strong(case: Case) -> Found:
    """Mean SSIM of the outputs is between 0.3 and 0.7, mean PCC above 0.7, at every level."""
    record = case.run()
    means = {
        name: [series(record, {"quantity": name, "method": "CAE", "level": level}).item() for level in LEVELS]
        for name in ("SSIM", "PCC")
    }
    return Found(
        "; ".join(f"{name} {', '.join(f'{value:.3f}' for value in one)}" for name, one in means.items()),
        f"means over all test images at {', '.join(LEVELS)}, {source_of(record)}",
        holds=all(MODERATE <= value < STRONG for value in means["SSIM"]) and min(means["PCC"]) >= STRONG,
        short=shortfall(record, NEEDS),
    )


def _series_of_four(case: Case, quantity: str) -> pd.Series:
    """Return a quantity of the network's outputs for the paper's four images, by (image, level)."""
    numbers = {
        level: series(
            case.run(), {"quantity": quantity, "method": "CAE", "level": level, "image": "each"}
        ).droplevel("seed")
        for level in LEVELS
    }
    by_level = pd.concat(numbers, names=["level"]).swaplevel()
    return by_level[by_level.index.get_level_values("image").isin(case.published("S1-107"))]


def _copied(image: int) -> str | None:
    notes = image_set("cifar10", "test").notes
    return f"image {COPY} comes from a JPEG copy in the data used" if notes and image == COPY else None


def _rows(case: Case, table: str, of: str) -> list[Claim]:
    return [
        row
        for row in case.claims.values()
        if row.paper == case.claim.paper
        and row.location.startswith(f"{table} ")
        and row.quantity.startswith(f"{of} ")
    ]


def _table(case: Case, of: str) -> dict[int, dict[str, float]]:
    """Table 5 by image and version: "Image" for the original, "DL-1" and so on for the outputs."""
    found: dict[int, dict[str, float]] = {}
    for row in _rows(case, "Table 5", of):
        words = row.quantity.split()[1:]
        [image] = [int(word) for word in words if word.isdigit()]
        [version] = [word for word in words if not word.isdigit()]
        found.setdefault(image, {})[version] = row.value
    return found


def _differences(case: Case, of: str) -> dict[tuple[int, str], float]:
    """Printed entropy of each output minus that of its original."""
    return {
        (image, version): value - versions["Image"]
        for image, versions in _table(case, of).items()
        for version, value in versions.items()
        if version != "Image"
    }


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
    return " and ".join(map(str, numbers))
