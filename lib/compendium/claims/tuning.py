"""Checks of the tuning lab's report."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats
from skimage.measure import euler_number, label
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from sklearn.model_selection import train_test_split

from compendium import baselines, data, metrics, noise, results, statistics
from compendium.claims.checks import (
    Case,
    built,
    check,
    image_set,
    order,
    orders_of,
    series,
    source_of,
)
from compendium.claims.rules import ONE_RUN, Found, PValues, agrees

SEARCHED = (32, 64, 96, 128)  # filters
TEST_IMAGES = {"quantity": "MSE", "level": "test images"}
TRAINED = {"quantity": "MSE after training"}  # a number per seed
OTHER_NOISE = "MSE on other noise"
BOTH = ("tuned", "baseline + bias, longer")  # networks trained for 30 epochs


# Data and definitions


@check("data")
def test_set(case: Case, *, fact: str) -> Found:
    """A fact of MNIST's 10,000 test images, as the lab loads them: their shape, features or range."""
    images = image_set("mnist", "test").images
    scaled = images.astype("float32") / 255
    facts = {
        "shape": images.shape,
        "features": images[0].size,
        "range": [scaled.min(), scaled.max()],
    }
    return Found(facts[fact], "MNIST's t10k images, divided by 255 for their range")


@check("data")
def split(case: Case) -> Found:
    """Shares of the split by the lab's line, in per cent; how black images score on its test part."""
    parts = _split()
    sizes = [len(part) for part in parts]
    return Found(
        [100 * size / sum(sizes) for size in sizes],
        f"`train_test_split` with `random_state=42`, which leaves {sizes[0]} and {sizes[1]} images; black "
        f"images have an MSE of {np.square(parts[1]).mean():.6f} on the second part",
    )


@check("data")
def averaged_metrics(case: Case, *, psnr: str, ssim: str) -> Found:
    """Black images give the printed PSNR and SSIM averaged over images, not the PSNR of the mean MSE."""
    _, test = _split()
    black = np.zeros_like(test)
    errors = metrics.mse(test, black)
    averaged = {psnr: metrics.psnr(test, black).mean(), ssim: metrics.ssim(test, black).mean()}
    pooled = 10 * np.log10(1 / errors.mean())
    same = {row: agrees(case.published(row), float(ours)) for row, ours in averaged.items()}
    return Found(
        f"averaged over images {averaged[psnr]:.2f} dB and {averaged[ssim]:.4f}; the PSNR of the mean MSE "
        f"would be {pooled:.2f} dB",
        f"scikit-image's definitions, black images on the lab's test images, beside {psnr} and {ssim}",
        holds=all(same.values()) and not agrees(case.published(psnr), float(pooled)),
    )


@check("arithmetic")
def variance(case: Case, *, factor: float) -> Found:
    """Variance of standard normal numbers that are multiplied with a factor, as the lab's code does."""
    return Found(factor**2, f"the code multiplies numbers of N(0, 1) by {factor}, their standard deviation")


@check("arithmetic")
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


@check("built")
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


@check("built")
def default_optimizer(case: Case) -> Found:
    """The learning rate that Keras gives `optimizer="adam"`."""
    network = built("lab_baseline")
    network.compile(optimizer="adam", loss="mse")
    optimizer = network.optimizer
    return Found(
        float(optimizer.learning_rate), f'Keras\'s {type(optimizer).__name__}, from optimizer="adam"'
    )


@check("built")
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
    """By how many per cent the second of two rows is lower."""
    return Found(100 * (1 - case.published(after) / case.published(before)), f"from {before} and {after}")


@check("arithmetic")
def increase(case: Case, *, before: str, after: str) -> Found:
    """By how many per cent the second of two rows is higher."""
    return Found(100 * (case.published(after) / case.published(before) - 1), f"from {before} and {after}")


@check("arithmetic")
def times(case: Case, *, epochs: int, trial: int, baseline: int) -> Found:
    """How many times the epochs of a trial of the search the final training has; and of the baseline."""
    return Found(
        epochs / trial,
        f"{epochs} epochs over the {trial} of a trial; over the baseline's {baseline} it is "
        f"{epochs / baseline:g}",
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


# Recorded runs


@check("training")
def not_black(case: Case, *, rows: dict) -> Found:
    """Not all of the baseline's printed numbers are those of black images; `rows` maps quantities to rows."""
    record = case.run()

    def on_test_images(method: str, quantity: str = "MSE") -> float:
        return series(record, TEST_IMAGES | {"method": method, "quantity": quantity}).item()

    black = {name: on_test_images("black image", name) for name in rows}
    same = [row for name, row in rows.items() if agrees(case.published(row), black[name])]
    trained = series(record, TRAINED | {"method": "baseline", "level": "one switch"})
    ends = sum(agrees(case.published(rows["MSE"]), error) for error in trained)
    return Found(
        f"black images have {', '.join(f'{name} {value:.5g}' for name, value in black.items())}, "
        f"to the last printed digit in {len(same)} of {len(rows)}; {ends} of {len(trained)} baselines "
        f"end there; a blur, the mean image, has MSE {on_test_images('mean image'):.4f}, "
        f"and the noisy input SSIM {on_test_images('noisy input', 'SSIM'):.4f}",
        f"beside {', '.join(rows.values())}; {source_of(record)}",
        holds=len(same) < len(rows),
    )


@check("training")
def fewer_collapse(case: Case, *, fewer: dict, more: dict, beside: dict | None = None) -> Found:
    """One network ends black from fewer seeds than another: Fisher's exact test, a p for each direction.

    Args:
        case: the claim.
        fewer: method and level of the network that is said to collapse less often.
        more: of the other.
        beside: what else to show, as `_beside` has it.
    """
    record = case.run()
    limit = 0.9 * series(record, TEST_IMAGES | {"method": "black image"}).item()
    black = [series(record, TRAINED | chosen) >= limit for chosen in (fewer, more)]
    table = [[int(group.sum()), int((~group).sum())] for group in black]
    test = PValues(*(float(stats.fisher_exact(table, side).pvalue) for side in ("less", "greater")))
    counts = [
        f"{count} of {len(group)} end black {_with(chosen)}"
        for (count, _), group, chosen in zip(table, black, (fewer, more), strict=True)
    ]
    return Found(
        "; ".join([f"{counts[0]}, {counts[1]}", *_beside(case, record, beside)]),
        f"networks that end no better than 0.9 times a black image's error, {source_of(record)}; one-sided "
        f"p of Fisher's exact test {test.holds:.2g} before Holm's correction",
        test=test,
    )


@check("training")
def gain_lost(case: Case, *, without: dict, best: dict | str, least: float, beside: dict) -> Found:
    """At least a share of the gain over a black image is lost without something: a t test over seeds.

    Args:
        case: the claim.
        without: method and level of the networks without it.
        best: of the networks that have the whole gain, paired by seed; or a row that prints an error.
        least: the share.
        beside: what else to show, as `_beside` has it.
    """
    record = case.run()
    black = series(record, TEST_IMAGES | {"method": "black image"}).item()
    left = series(record, TRAINED | without)
    reached = case.published(best) if isinstance(best, str) else series(record, TRAINED | best)
    lost = ((left - reached) / (black - reached)).dropna()
    interval = statistics.mean_interval(lost)
    sides = (stats.ttest_1samp(lost, least, alternative=side).pvalue for side in ("greater", "less"))
    test = PValues(*map(float, sides))
    reference = best if isinstance(best, str) else f"the networks {_with(best)}"
    return Found(
        "; ".join(
            [
                f"{_with(without)} {interval.estimate:.1%} of the gain is lost "
                f"({interval.low:.1%} to {interval.high:.1%}, {len(lost)} seeds, "
                f"MSE {left.min():.4f} to {left.max():.4f})",
                *_beside(case, record, beside),
            ]
        ),
        f"the gain is from a black image's MSE to that of {reference}, {source_of(record)}; t test of "
        f"the lost share against {least:.0%}",
        test=test,
    )


@check("training")
def each_helps(case: Case, *, factors: list, unnamed: str) -> Found:
    """Each factor, switched back from all together, raises the error; so does one that is not named."""
    record = case.run()
    together = TRAINED | {"method": "all five", "level": "back"}
    orders, other = (
        [
            each
            for name in names
            for each in orders_of(record, [together, together | {"method": f"without {name}"}])
        ]
        for names in (factors, [unnamed])
    )
    used = record["parameters"]
    return Found(
        "; ".join(map(str, [*orders, *other])),
        f"paired differences of the MSE after training, {source_of(record)}",
        orders=orders,
        short=f"{used['short_epochs']} of {used['epochs']} epochs and {used['tuned_filters']} filters, "
        "whose effects may differ from those of the report's training",
    )


@check("training")
def later_epochs(case: Case, *, early: int) -> Found:
    """Errors on the test images still fall between an early epoch and the last one.

    Compared are medians over five epochs, of the tuned network and of the baseline with a bias.
    """
    record = case.run()
    curves = pd.DataFrame(record["curves"])
    orders = []
    for method in ("tuned", "output bias, longer"):
        errors = curves[curves["method"] == method].pivot_table(
            index="seed", columns="epoch", values="val_loss"
        )
        first, last = (errors.loc[:, end - 4 : end].median(axis=1) for end in (early, errors.columns.max()))
        compared = order(f"{method}, last epochs minus epochs to {early}", last, first)
        orders.append((compared, f"{method}: from {first.mean():.4f} to {last.mean():.4f}"))
    return Found(
        "; ".join(text for _, text in orders),
        f"validation MSE, the median of five epochs up to {early} and of the last five, {source_of(record)}",
        orders=[compared for compared, _ in orders],
    )


@check("training")
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
        short=f"one seed and {record['parameters']['short_epochs']} epochs",
    )


@check("training")
def detail_lost(case: Case, *, low: int, high: int) -> Found:
    """Both networks, of one seed each, keep less power from `high` cycles per image on than up to `low`."""
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
        lacks=ONE_RUN,
    )


@check("training")
def other_sizes(case: Case) -> Found:
    """How the tuned network, rebuilt with an open input shape, does on digits of other sizes."""
    record = case.run()
    table = results.metrics_of(record)
    sizes = table[table["quantity"] == "MSE at size"].pivot_table(
        index="level", columns="method", values="value"
    )
    others = sizes.drop(index="28")
    ratios = others["tuned"] / sizes.loc["28", "tuned"]
    of_trivial = others["tuned"] / others[["noisy input", "black image"]].min(axis=1)
    return Found(
        f"{len(others)} other sizes without resizing or patching: {ratios.min():.1f} to "
        f"{ratios.max():.1f} times the error at 28 pixels, the most at {ratios.idxmax()}; "
        f"{of_trivial.min():.2f} to {of_trivial.max():.2f} of the error of black images or the noisy input",
        f"the tuned network built with an open input shape, {source_of(record)}",
        lacks="“not easily” has no measure; networks trained at each size are not recorded",
    )


# What needs a computation of its own


@check("built")
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
        lacks="this is a linear map; no run of the lab's network trained on noisy pairs is recorded",
    )


@check("built")
def topology_follows(case: Case, *, ssim: float, images: int, square: int) -> Found:
    """Whether an SSIM as high as the claim's, `ssim`, proves topology: rings cut open keep a lower one.

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
    above = sum(score >= ssim for score in left)
    return Found(
        f"{above} of {len(left)} digits whose loop is cut open keep an SSIM of {ssim} or more, "
        f"in the median {np.median(left):.3f}",
        f"embedded digits with one loop, a black square of {square} pixels a side on the stroke",
        holds=above == 0,
    )


def _with(chosen: Mapping[str, str]) -> str:
    """How a sentence names recorded networks: what was changed of the baseline, or not."""
    method, level = chosen["method"], chosen["level"]
    if method == "baseline":
        return "with nothing changed"
    if method.startswith("without "):
        return f"with all changes but “{method.removeprefix('without ')}”"
    return f"with “{method}” alone changed" if level == "one switch" else "with all changes"


def _beside(
    case: Case, record: Mapping[str, object], chosen: Mapping[str, str | Sequence[str]] | None
) -> list[str]:
    """What a sentence adds of other networks: their `quantity` on the test images, beside a `row`."""
    if chosen is None:
        return []
    quantity, methods, row = chosen["quantity"], chosen["methods"], chosen["row"]
    ours = [
        f"{series(record, TEST_IMAGES | {'quantity': quantity, 'method': method}).item():.4f} of “{method}”"
        for method in methods
    ]
    return [f"{chosen['who']}: {quantity} {' and '.join(ours)}, beside {case.published(row)} in {row}"]


def _split() -> tuple[np.ndarray, np.ndarray]:
    """The lab's training and test images, float64 in [0, 1]."""
    images = image_set("mnist", "test").images
    train, test = train_test_split(images, test_size=0.2, random_state=42)
    return train / 255, test / 255


def _loops(digit: np.ndarray) -> int:
    """How many holes the bright pixels of a digit enclose."""
    ink = np.pad(digit > 0.5, 1)
    return label(ink, connectivity=2).max() - euler_number(ink, connectivity=2)
