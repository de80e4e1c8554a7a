"""Checks of the tuning lab's report."""

import itertools
import re

import numpy as np
import pandas as pd
from scipy import stats
from skimage.measure import euler_number, label
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from sklearn.model_selection import train_test_split

from compendium import baselines, data, metrics, noise, results
from compendium.claims.checks import Case, built, check, image_set, series, source_of
from compendium.claims.rules import Found, agrees

SEARCHED = (32, 64, 96, 128)  # filters (S4-42)
SIGNIFICANT = 0.05  # largest p that decides
TEST_IMAGES = {"quantity": "MSE", "level": "test images"}
OTHER_NOISE = "MSE on other noise"
BOTH = ("tuned", "baseline + bias, longer")  # networks trained for 30 epochs


# Data and definitions


@check("data")
def test_set(case: Case, *, fact: str) -> Found:
    """A fact of MNIST's 10,000 test images, as the lab loads them: their count, shape, features or range."""
    images = image_set("mnist", "test").images
    scaled = images.astype("float32") / 255
    facts = {
        "count": len(images),
        "shape": images.shape,
        "features": [*images.shape[1:3], images[0].size],
        "range": [scaled.min(), scaled.max()],
    }
    return Found(facts[fact], "MNIST's t10k images, divided by 255 for their range")


@check("data")
def split(case: Case) -> Found:
    """Sizes of the split by the lab's line; black images on its test part score the lab's baseline."""
    train, test = _split()
    return Found(
        [len(train), len(test)],
        "`train_test_split` with `random_state=42`; black images have an MSE of "
        f"{np.square(test).mean():.6f} on its test images",
    )


@check("data")
def averaged_metrics(case: Case, *, psnr: str, ssim: str) -> Found:
    """Black images give the printed PSNR and SSIM averaged over images, not the PSNR of the mean MSE."""
    _, test = _split()
    black = np.zeros_like(test)
    errors = metrics.mse(test, black)
    averaged = {psnr: metrics.psnr(test, black).mean(), ssim: metrics.ssim(test, black).mean()}
    pooled = 10 * np.log10(1 / errors.mean())
    same = {row: agrees(case.published(row), Found(ours)) for row, ours in averaged.items()}
    return Found(
        f"averaged over images {averaged[psnr]:.2f} dB and {averaged[ssim]:.4f}; the PSNR of the mean MSE "
        f"would be {pooled:.2f} dB",
        f"scikit-image's definitions, black images on the lab's test images, beside {psnr} and {ssim}",
        holds=all(same.values()) and not agrees(case.published(psnr), Found(pooled)),
    )


@check("consistency")
def variance(case: Case, *, factor: str) -> Found:
    """Variance of standard normal numbers that the code multiplies with the value of `factor`."""
    return Found(case.published(factor) ** 2, f"the square of the factor in the code, {factor}, of N(0, 1)")


@check("computed")
def formula(case: Case, *, metric: str) -> Found:
    """The printed formula of MSE or PSNR gives what the lab's code computes, on noisy embedded digits."""
    clean = data.load("digits", "test").images[:8] / 255
    pairs = list(zip(clean, noise.gaussian(clean, sigma=0.5, seed=0), strict=True))
    printed = [sum((x - y).ravel() ** 2) / x.size for x, y in pairs]
    library = mean_squared_error
    if metric == "PSNR":
        printed = [10 * np.log10(1**2 / error) for error in printed]

        def library(x: np.ndarray, y: np.ndarray) -> float:
            return peak_signal_noise_ratio(x, y, data_range=1.0)

    difference = np.abs(np.subtract(printed, [library(*pair) for pair in pairs])).max()
    return Found(
        f"largest difference {difference:.1g}",
        f"the formula beside scikit-image's {metric}, {len(pairs)} noisy embedded digits",
        holds=bool(difference < 1e-9),
    )


# Networks


@check("computed")
def activations(case: Case) -> Found:
    """Convolutions of both networks: ReLU up to the code, sigmoid at the output."""
    of_code, of_output = set(), set()
    for network in (built("lab_baseline"), built("lab_tunable", filters=SEARCHED[0])):
        convolutions = [layer.activation.__name__ for layer in network.layers if hasattr(layer, "activation")]
        of_code |= set(convolutions[:2])
        of_output.add(convolutions[-1])
    return Found(
        f"up to the code {', '.join(of_code)}; at the output {', '.join(of_output)}; between them relu again",
        "both networks of the printed code, built",
        holds=(of_code, of_output) == ({"relu"}, {"sigmoid"}),
    )


@check("computed")
def default_optimizer(case: Case) -> Found:
    """What Keras makes of `optimizer="adam"`."""
    network = built("lab_baseline")
    network.compile(optimizer="adam", loss="mse")
    mantissa, exponent = f"{float(network.optimizer.learning_rate):.0e}".split("e")
    return Found(
        f"{type(network.optimizer).__name__.lower()} (lr {mantissa}e{int(exponent)})",
        'Keras, compiled with optimizer="adam"',
    )


@check("computed")
def bottleneck(case: Case) -> Found:
    """A bottleneck has fewer numbers than the image: the codes of the baseline and of all widths searched."""
    networks = [built("lab_baseline"), *(built("lab_tunable", filters=number) for number in SEARCHED)]
    codes = [int(np.prod(network.get_layer("latent").output.shape[1:])) for network in networks]
    pixels = int(np.prod(networks[0].inputs[0].shape[1:]))
    widths = ", ".join(map(str, SEARCHED))
    return Found(
        f"{codes[0]} numbers in the baseline's code, {', '.join(map(str, codes[1:]))} in the tunable one's "
        f"with {widths} filters, for {pixels} pixels",
        "networks built",
        holds=min(codes[1:]) < pixels,
    )


# The paper beside itself


@check("arithmetic")
def reduction(case: Case, *, before: str, after: str) -> Found:
    """The values of two rows, and by how many per cent the second is lower."""
    first, second = case.published(before), case.published(after)
    ours = {"from": float(first), "to": float(second), "percentage": 100 * (1 - second / first)}
    return Found(ours, f"from {before} and {after}")


@check("arithmetic")
def increase(case: Case, *, before: str, after: str) -> Found:
    """By how many per cent the second of two rows is higher."""
    return Found(100 * (case.published(after) / case.published(before) - 1), f"from {before} and {after}")


@check("arithmetic")
def times(case: Case, *, row: str, of: str, beside: str) -> Found:
    """How many times the value of one row another is; how many times a third is said too."""
    number, first, second = (case.published(name) for name in (row, of, beside))
    return Found(
        number / first,
        f"{row} over {of}, each trial's; over {beside}, the baseline's, it is {number / second:g}",
    )


@check("arithmetic")
def amplitude(case: Case, *, before: str, after: str) -> Found:
    """The factor in amplitude of the difference between two PSNRs; in power it is the square."""
    gain = case.published(after) - case.published(before)
    return Found(
        10 ** (gain / 20),
        f"{after} minus {before}, {gain:.2f} dB: in amplitude; in power it is {10 ** (gain / 10):.1f} times, "
        f"and twice would be {10 * np.log10(2):.2f} dB",
    )


@check("consistency")
def changes_made(case: Case, *, unnamed: dict) -> Found:
    """Changes between the two programs of the report: the number it names, and others that it made as well.

    `unnamed` maps settings, named as the record does, to the rows of both programs.
    """
    record, chosen = case.run(), {"quantity": "MSE after training", "level": "back"}
    others = {name: rows for name, rows in unnamed.items() if len({case.published(row) for row in rows}) > 1}
    effects = [
        f"{name} {series(record, chosen | {'method': name}).mean():.4f}"
        for name in ("all five", *(f"without {name}" for name in others))
    ]
    also = [f"{name} ({', '.join(rows)})" for name, rows in others.items()]
    return Found(
        case.claim.value + len(others),
        f"the {case.claim.value} named and {', '.join(also)}; "
        f"MSE of {', '.join(effects)}, {source_of(record)}",
    )


# Recorded runs


@check("recorded")
def from_to(case: Case, *, quantity: str, before: str, after: str) -> Found:
    """Recorded numbers of two methods on the test images, and whether the second is the higher."""
    common = {"quantity": quantity, "level": "test images"}
    ours = [series(case.run(), common | {"method": method}).item() for method in (before, after)]
    return Found(
        ours, f"{quantity} of {before} and {after}, {source_of(case.run())}", holds=ours[1] > ours[0]
    )


@check("recorded")
def not_black(case: Case, *, row: str) -> Found:
    """The baseline's outputs are not black: their errors, printed in `row`, are not those of black images."""
    record, printed = case.run(), case.published(row)
    trained = series(record, {"quantity": "MSE after training", "method": "baseline", "level": "one switch"})
    black, mean = (
        series(record, TEST_IMAGES | {"method": f"{name} image"}).item() for name in ("black", "mean")
    )
    same = sum(agrees(printed, Found(error)) and agrees(printed, Found(black)) for error in trained)
    noisy, seen = (
        series(record, TEST_IMAGES | {"quantity": "SSIM", "method": name}).item()
        for name in ("noisy input", "baseline, plain Keras")
    )
    return Found(
        f"{same} of {len(trained)} baselines have a black image's MSE, {black:.6f}; "
        f"the mean image, a blur, has {mean:.4f}; SSIM is {seen:.4f}, the noisy input's {noisy:.4f}",
        source_of(record),
        holds=same == 0 if same in (0, len(trained)) else None,
        lacks=None if same in (0, len(trained)) else "some seeds end black and others do not",
    )


@check("recorded")
def told_apart(case: Case, *, gives: str, method: str, other: str) -> Found:
    """All runs of a method end at the value of the row `gives`, and none of another's does."""
    record, printed = case.run(), case.published(gives)
    ends = [
        [
            agrees(printed, Found(error))
            for error in series(
                record, {"quantity": "MSE after training", "method": name, "level": "one switch"}
            )
        ]
        for name in (method, other)
    ]
    return Found(
        f"{sum(ends[0])} of {len(ends[0])} runs with it end at {printed}, {sum(ends[1])} of {len(ends[1])} "
        f"with {other}",
        f"MSE after training beside {gives}, {source_of(record)}",
        holds=all(ends[0]) and not any(ends[1]),
    )


@check("recorded")
def fewer_collapse(case: Case, *, change: str) -> Found:
    """One change to the baseline leaves fewer networks black: Fisher's exact test over seeds, both sides."""
    record = case.run()
    limit = 0.9 * series(record, TEST_IMAGES | {"method": "black image"}).item()
    black = [
        series(record, {"quantity": "MSE after training", "method": name, "level": "one switch"}) >= limit
        for name in (change, "baseline")
    ]
    chance = stats.fisher_exact([[group.sum(), (~group).sum()] for group in black]).pvalue
    fewer, undecided = bool(black[0].mean() < black[1].mean()), chance >= SIGNIFICANT
    return Found(
        f"{black[0].sum()} of {len(black[0])} collapse with “{change}”, {black[1].sum()} of {len(black[1])} "
        f"without (p = {chance:.2g})",
        f"networks that end no better than 0.9 times a black image's error, {source_of(record)}",
        holds=None if undecided else fewer,
        lacks="so few seeds do not decide: more are needed" if undecided else None,
    )


@check("recorded")
def needs_factor(case: Case, *, factor: str, quantity: str, reaches: str) -> Found:
    """Whether a tuned network needs a factor to reach what a row prints.

    It does not if the winner of the recorded search has the baseline's value of the factor, or less of it,
    and is at least as good; a winner that has more of it leaves the question open.

    Args:
        case: the claim.
        factor: filters or rate, as the record names trials.
        quantity: MSE, for which less is better, or another.
        reaches: the row.
    """
    record, printed = case.run(), case.published(reaches)
    table = results.metrics_of(record)
    trials = table[(table["quantity"] == "MSE of trial") & table["method"].str.endswith("filters")]
    best = trials.loc[trials["value"].idxmin()]
    own = {
        name: float(re.search(r"[\d.]+", best[column]).group())
        for name, column in {"filters": "method", "rate": "level"}.items()
    }
    rate = record["parameters"]["learning_rate"]
    used = own["filters"] > SEARCHED[0] if factor == "filters" else own["rate"] < rate
    ours = series(record, TEST_IMAGES | {"quantity": quantity, "method": "tuned"}).item()
    reached = ours <= printed if quantity == "MSE" else ours >= printed
    return Found(
        f"{own['filters']:g} filters at the rate {own['rate']:g} reach {quantity} {ours:.4f}; the baseline "
        f"has {SEARCHED[0]} filters and {rate:g}",
        f"winner of the recorded search, trained as the report's, beside {reaches}; {source_of(record)}",
        holds=None if used or not reached else False,
        lacks="a winner with the baseline's value that is as good" if used or not reached else None,
    )


@check("recorded")
def later_epochs(case: Case, *, first: str) -> Found:
    """Errors on the test images still fall between the baseline's epochs and the final ones.

    Compared are medians over five epochs, of the tuned network and of the baseline with a bias; `first` is
    the row of the baseline's epochs.
    """
    record, early = case.run(), case.published(first)
    curves = pd.DataFrame(record["curves"])
    black = series(record, TEST_IMAGES | {"method": "black image"}).item()
    medians = {}
    for method in ("tuned", "output bias, longer"):
        errors = curves[curves["method"] == method].set_index("epoch")["val_loss"]
        ends = (early, errors.index.max())
        medians[method] = [errors.loc[end - 4 : end].median() for end in ends]
    tuned = medians["tuned"]
    return Found(
        "; ".join(f"{method}: from {one:.4f} to {other:.4f}" for method, (one, other) in medians.items())
        + f"; {(black - tuned[0]) / (black - tuned[1]):.0%} of the fall from black to the end is had by then",
        f"validation MSE around epoch {early} and at the end, {source_of(record)}",
        holds=all(last < before for before, last in medians.values()),
        short="one seed each of two networks",
    )


@check("recorded")
def untuned_worse(case: Case, *, rows: dict) -> Found:
    """Whether the lab's baseline with an output bias, trained as long, stays behind the tuned results.

    `rows` maps quantities to the rows that print them.
    """
    record = case.run()
    method = {"method": "baseline + bias, longer"}
    found = {name: series(record, TEST_IMAGES | method | {"quantity": name}).item() for name in rows}
    behind = {
        name: ours > case.published(rows[name]) if name == "MSE" else ours < case.published(rows[name])
        for name, ours in found.items()
    }
    paired = {"quantity": "longer baseline minus tuned", "method": "MSE"}
    low, high = (series(record, paired | {"level": end}).item() for end in ("low", "high"))
    numbers = ", ".join(
        f"{name} {ours:.4g} beside {case.published(rows[name])}" for name, ours in found.items()
    )
    return Found(
        f"without tuning {numbers}; its MSE minus our tuned network's is {low:.5f} to {high:.5f}",
        f"the baseline with one bias set, 30 epochs; paired over test images; {source_of(record)}",
        holds=any(behind.values()) or high > 0,
    )


@check("recorded")
def drops_on_other_noise(case: Case) -> Found:
    """Networks are worse on a noise that they were not trained on than the network that was."""
    record = case.run()
    kinds = ["Gaussian 0.25", "Gaussian 0.5", "Gaussian 1", "salt and pepper"]
    errors = {
        pair: series(record, {"quantity": OTHER_NOISE, "method": pair[0], "level": pair[1]}).item()
        for pair in itertools.product(kinds, kinds)
    }
    ratios = {
        (trained, tested): error / errors[tested, tested]
        for (trained, tested), error in errors.items()
        if trained != tested
    }
    there, back = (ratios[pair] for pair in itertools.permutations(("Gaussian 0.5", "salt and pepper")))
    return Found(
        f"{min(ratios.values()):.2f} to {max(ratios.values()):.2f} times the error of the network trained "
        f"on it; from Gaussian 0.5 to salt and pepper {there:.2f}, back {back:.2f}",
        f"four noises, each trained on and tested on, {source_of(record)}",
        holds=min(ratios.values()) > 1,
        short=f"one seed, {record['parameters']['short_epochs']} epochs, the baseline with an output bias",
    )


@check("recorded")
def detail_lost(case: Case, *, low: int, high: int) -> Found:
    """Both networks keep less power from `high` cycles per image on than up to `low`, and less than 1."""
    record = case.run()
    table = results.metrics_of(record)
    table = table[table["quantity"].eq("power kept") & table["method"].isin(BOTH)]
    cycles = table["level"].astype(int)
    coarse = table[cycles <= low].groupby("method")["value"].min()
    fine = table[cycles >= high].groupby("method")["value"].max()
    return Found(
        f"of the power up to {low} cycles per image at least {coarse.min():.2f} is "
        f"kept, from {high} on at most {fine.max():.2f}",
        f"the tuned network and the baseline with a bias, {source_of(record)}",
        holds=bool((fine < coarse.clip(upper=1)).all()),
    )


@check("recorded")
def fails_at_other_sizes(case: Case) -> Found:
    """The tuned network fails on digits of some other size: its error is not below the noisy input's."""
    record = case.run()
    table = results.metrics_of(record)
    sizes = table[table["quantity"] == "MSE at size"].pivot_table(
        index="level", columns="method", values="value"
    )
    others = sizes.drop(index="28")
    ratios = others["tuned"] / others[["noisy input", "black image"]].min(axis=1)
    worst, own = ratios.idxmax(), sizes.loc["28", "tuned"]
    return Found(
        f"{len(others)} other sizes without resizing or patching, the error {ratios.min():.2f} to "
        f"{ratios.max():.2f} of that of the noisy input or of black images; largest at {worst}, "
        f"{others.loc[worst, 'tuned'] / own:.1f} times that at 28",
        f"the tuned network built with an open input shape, {source_of(record)}",
        holds=bool((ratios >= 1).any()),
    )


# What needs a computation of its own


@check("computed")
def needs_clean_images(case: Case) -> Found:
    """The affine map fitted to a second noisy copy instead of clean images, its targets' clipping undone."""
    train, test = (data.load("digits", part).images / 255 for part in ("train", "test"))
    inputs, targets = (noise.gaussian(train, sigma=0.5, seed=seed) for seed in (42, 43))
    noisy = noise.gaussian(test, sigma=0.5, seed=42, first_index=len(train))
    flat = np.zeros((100, 28, 28))
    black, white = (noise.gaussian(flat + level, sigma=0.5, seed=44).mean() for level in (0, 1))
    from_clean = baselines.affine_denoiser(inputs, train)(noisy)
    from_noisy = (baselines.affine_denoiser(inputs, targets)(noisy) - black) / (white - black)
    errors = [np.square(test - images.clip(0, 1)).mean() for images in (from_clean, from_noisy, noisy)]
    return Found(
        f"MSE {errors[1]:.4f} from noisy pairs, {errors[0]:.4f} from clean images, {errors[2]:.4f} noisy",
        "the affine map fitted to two noisy copies of the embedded training digits, without a clean one",
        holds=bool(errors[1] >= errors[2]),
        lacks="this is a linear map; no run of the lab's network trained on noisy pairs is recorded",
    )


@check("computed")
def topology_follows(case: Case, *, images: int, square: int) -> Found:
    """Whether an SSIM as high as the claim's proves topology: rings cut open keep a lower one.

    Of the first `images` embedded test digits with one loop, the loop is opened by the black square, `square`
    pixels a side, that costs least SSIM. Loops are those of 8-connected pixels above one half.
    """
    digits = data.load("digits", "test").images[..., 0] / 255
    loops = [digit for digit in digits if _loops(digit) == 1][:images]
    left = []
    for digit in loops:
        cuts = []
        for row, column in np.argwhere(digit > 0.5):
            cut = digit.copy()
            top, first = max(row - square // 2, 0), max(column - square // 2, 0)
            cut[top : top + square, first : first + square] = 0
            if _loops(cut) == 0:
                cuts.append(cut)
        scores = [structural_similarity(digit, cut, data_range=1.0) for cut in cuts]
        left.append(max(scores, default=0.0))
    above = sum(score >= case.claim.value for score in left)
    return Found(
        f"{above} of {len(left)} digits whose loop is cut open keep an SSIM of {case.claim.value} or more, "
        f"in the median {np.median(left):.3f}",
        f"embedded digits with one loop, a black square of {square} pixels a side on the stroke",
        holds=above == 0,
    )


def _split() -> tuple[np.ndarray, np.ndarray]:
    """The lab's training and test images, float64 in [0, 1]."""
    images = image_set("mnist", "test").images
    train, test = train_test_split(images, test_size=0.2, random_state=42)
    return train / 255, test / 255


def _loops(digit: np.ndarray) -> int:
    """How many holes the bright pixels of a digit enclose."""
    ink = np.pad(digit > 0.5, 1)
    return label(ink, connectivity=2).max() - euler_number(ink, connectivity=2)
