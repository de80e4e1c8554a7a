"""Checks of the report on depth and latent size."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import ndimage, signal, stats

from compendium import data, metrics, noise, project, statistics
from compendium.claims.checks import (
    UNDECIDED,
    Case,
    all_hold,
    built,
    check,
    image_set,
    series,
    shortfall,
    source_of,
)
from compendium.claims.rules import Found
from compendium.images import as_float

DEPTHS, LATENTS = (5, 3, 1), (13, 8, 5)  # those said to be better first
_Z = 1.96  # half width of a 95 % interval of a mean over many images, in standard errors
FULL = {"dataset": "mnist", "train_images": 60000, "epochs": 15}  # the report's conditions


@check("computed")
def filters_and_noises(case: Case) -> Found:
    """Which of the three filters that the report names has the lowest error, for two kinds of noise.

    A filter is preferred for its own noise where Gaussian noise and salt and pepper have different best
    ones, each with the paired 95 % interval over the images on its side. Gaussian noise is what the name
    says, not clipped; the report's, which is clipped, stands beside it.
    """
    clean = as_float(data.load("digits", "test").images[:200])
    filters = {
        "mean": lambda image: ndimage.uniform_filter(image, 3),
        "median": lambda image: ndimage.median_filter(image, 3),
        "Wiener": lambda image: signal.wiener(image, 3, noise=0.25),
    }
    noises = {
        "Gaussian": clean + 0.5 * np.random.default_rng(0).standard_normal(clean.shape),
        "Gaussian, clipped": noise.gaussian(clean, sigma=0.5, seed=0),
        "salt and pepper": noise.salt_pepper(clean, fraction=0.3, seed=0)[0],
    }
    best, decided, words = [], [], []
    for name, noisy in noises.items():
        with np.errstate(all="ignore"):  # SciPy's Wiener filter divides by the variance of flat places, too
            errors = pd.DataFrame(
                {
                    kind: [
                        np.mean((apply(one[..., 0]) - true[..., 0]) ** 2)
                        for one, true in zip(noisy, clean, strict=True)
                    ]
                    for kind, apply in filters.items()
                }
            )
        first, second = errors.mean().nsmallest(2).index
        best.append(first)
        decided.append(statistics.paired_comparison(errors[first], errors[second]).below_zero is True)
        words.append(f"{name}: " + ", ".join(f"{kind} {mse:.3f}" for kind, mse in errors.mean().items()))
    return Found(
        "; ".join(words),
        "MSE of filters of 3x3 pixels on 200 embedded test digits with Gaussian noise of 0.5 and 30 % of "
        "salt and pepper",
        holds=best[0] != best[-1] and decided[0] and decided[-1],
    )


@check("computed")
def clipped_noise(case: Case) -> Found:
    """The noise of the chapter on black and on mid-grey images is 0.5 times N(0, 1), clipped to [0, 1].

    Held against closed forms, within four standard errors: of mid-grey pixels Phi(-1) are cut off at either
    end, of black ones Phi(-2) at 1, which gives their mean; no value is outside [0, 1].
    """
    flat = np.zeros((100, 28, 28, 1), np.float32)
    black, grey = (noise.gaussian(flat + value, sigma=0.5, seed=0) for value in (0, 0.5))
    mean = 0.5 * (stats.norm.pdf(0) - stats.norm.pdf(2)) + stats.norm.cdf(-2)
    cut = stats.norm.cdf(-1)
    errors = (
        (black.mean() - mean) / (black.std() / np.sqrt(black.size)),
        *(
            (share - cut) / np.sqrt(cut * (1 - cut) / grey.size)
            for share in ((grey == 0).mean(), (grey == 1).mean())
        ),
    )
    within = min(black.min(), grey.min()) >= 0 and max(black.max(), grey.max()) <= 1
    return Found(
        f"black pixels have the mean {black.mean():.4f} (closed form {mean:.4f}), of mid-grey pixels "
        f"{(grey == 0).mean():.2%} are cut at 0 and {(grey == 1).mean():.2%} at 1 (Φ(-1) = {cut:.2%})",
        "`noise.gaussian` with sigma 0.5 on 78,400 pixels",
        holds=bool(within and np.abs(errors).max() < 4),
    )


@check("data")
def normalised(case: Case) -> Found:
    """What min-max normalisation makes of MNIST's training images: their values divided by 255."""
    images = image_set("mnist").images
    low, high = int(images.min()), int(images.max())
    scaled = (images[:1000] - float(low)) / (high - low)
    return Found(
        f"values {low} to {high}, so the formula gives X/255, from 0 to 1",
        "MNIST's training images",
        holds=bool(np.allclose(scaled, as_float(images[:1000]).reshape(scaled.shape))),
    )


@check("data")
def image_shape(case: Case) -> Found:
    """The shape of an MNIST image, channels first."""
    rows, columns = image_set("mnist").images[0].shape[:2]
    return Found([1, rows, columns], "an MNIST image: one value a pixel")


@check("arithmetic")
def same_minimum(case: Case) -> Found:
    """For one image, the L2 norm and the sum of squares order any two outputs alike."""
    outputs, image = np.random.default_rng(0).random((1000, 784)), np.full(784, 0.3)
    norms = np.linalg.norm(outputs - image, axis=1)
    squares = ((outputs - image) ** 2).sum(axis=1)
    return Found(
        "the squared error is the norm squared, so both are least at the same output",
        "1,000 random outputs, ordered by both",
        holds=bool((norms.argsort() == squares.argsort()).all() and np.allclose(norms**2, squares)),
    )


@check("arithmetic")
def mean_or_sum(case: Case, *, side: int) -> Found:
    """Whether the printed formula, a sum over `side` x `side` pixels, is the mean that its name says."""
    errors = np.random.default_rng(0).random((side, side)) ** 2
    ratio = errors.sum() / errors.mean()
    return Found(
        f"what is printed as mean squared error is {ratio:.0f} times the mean",
        f"the printed sum and the mean over {side} x {side} squared errors",
        holds=bool(np.isclose(ratio, 1)),
    )


@check("consistency")
def symmetrical(case: Case, *, rows: list) -> Found:
    """Every network of the `rows` has as many transposed convolutions as convolutions."""
    layers = [_layers(case.published(row)["layers"]) for row in rows]
    return Found(
        "each network of Table 1 has as many transposed convolutions as convolutions",
        f"{rows[0]} to {rows[-1]}",
        holds=all(down == up for down, up in layers),
    )


@check("computed")
def output_range(case: Case) -> Found:
    """Outputs of a built network, with and without its last activation, for inputs far outside [0, 1]."""
    from compendium import training  # TensorFlow: only for those who need it

    training.set_seed(0)
    network = built("dae", depth=3, latent=8)
    inputs = np.random.default_rng(0).normal(0, 20, (20, 28, 28, 1)).astype("float32")
    outputs = np.asarray(network(inputs))
    return Found(
        network.layers[-1].activation.__name__,
        "`dae(3, 8)` built; its outputs for values far outside [0, 1] lie between 0 and 1",
        holds=bool(outputs.min() > 0 and outputs.max() < 1),
    )


@check("arithmetic")
def hidden_layers(case: Case, *, depth: list) -> Found:
    """Hidden layers of networks with so many convolutions and as many transposed ones: all but the output."""
    return Found(
        {"depth": depth, "total": [2 * one - 1 for one in depth]},
        f"{', '.join(str(2 * one) for one in depth)} layers in all, of which the last is the output",
    )


@check("computed")
def latent_shapes(case: Case) -> Found:
    """The latents of networks built, channels first."""
    return Found([_latent(built("dae", depth=1, latent=one)) for one in LATENTS], "`dae` built")


@check("computed")
def row_of_table(case: Case, *, depth: int, latent: int) -> Found:
    """A row of Table 1 from the network built: its latent, the share of numbers kept, and its layers."""
    network = built("dae", depth=depth, latent=latent)
    shape = _latent(network)
    kinds = [type(layer).__name__ for layer in network.layers]
    down, up = kinds.count("Conv2D"), kinds.count("Conv2DTranspose")
    return Found(
        {
            "latent": shape,
            "percentage": 100 * int(np.prod(shape)) / 28**2,
            "layers": f"{down} Conv2D + {up} ConvTranspose2d",
        },
        f"`dae({depth}, {latent})` built; its rate is the share of 784 numbers that the latent keeps",
    )


@check("arithmetic")
def share_kept(case: Case, *, row: str) -> Found:
    """Numbers in the latent that `row` prints, as a percentage of the pixels of an image."""
    numbers = int(np.prod(case.published(row)["latent"]))
    return Found(100 * numbers / 28**2, f"{numbers} of 784 numbers, from {row}")


@check("consistency")
def installable(case: Case, *, python: str, packages: dict) -> Found:
    """Whether the Python of row `python` is new enough for the packages.

    Args:
        case: the claim.
        python: id of the row with the version of Python.
        packages: id of a package's row -> the oldest Python that its release declares on PyPI.
    """
    used = case.published(python)
    older = {row: needed for row, needed in packages.items() if _version(used) < _version(needed)}
    said = ", ".join(f"{case.claims[row].quantity.split()[0]} {case.published(row)}" for row in packages)
    return Found(
        f"Python {used} beside {said}: Python {min(packages.values(), key=_version)} or newer is needed",
        "Requires-Python of the packages on PyPI",
        holds=not older,
    )


@check("arithmetic")
def whole_split(case: Case) -> Found:
    """The shares add up to all, and give whole numbers of MNIST's 60,000 training images."""
    sizes = [60000 * share for share in case.claim.value]
    return Found(
        f"{' and '.join(f'{size:,.0f}' for size in sizes)} of 60,000 images, none left over",
        "the shares, added up and multiplied",
        holds=bool(np.isclose(sum(sizes), 60000) and np.allclose(sizes, np.round(sizes))),
    )


@check("computed")
def gradients_never_reset(case: Case) -> Found:
    """Whether Adam still converges when gradients add up from step to step, as in Algorithm 1 as printed.

    An affine map from noisy to clean digits, by Adam on batches of 64, learning rate 0.003, 300 steps. It
    converges where its error ends within a tenth of that with gradients reset.
    """
    clean = as_float(data.load("digits").images[:1600])
    noisy = noise.gaussian(clean, sigma=0.5, seed=0).reshape(1600, -1)
    clean = clean.reshape(1600, -1)
    with_reset, without = (_adam(noisy, clean, reset) for reset in (True, False))
    black = float((clean**2).mean())
    return Found(
        f"without a reset the training MSE ends at {round(without, -1):,.0f}, with it at {with_reset:.3g}; "
        f"a black image has {black:.3g}",
        "an affine denoiser of the embedded digits, trained by Adam in both ways",
        holds=without < 1.1 * with_reset,
    )


@check("recorded")
def converged(case: Case, *, epochs: int) -> Found:
    """Loss curves have stopped falling: for no network is the 95 % interval of the last change below 0.

    The change is that of the logarithm of the validation loss over the last `epochs`, over the seeds.
    """
    record = case.run()
    curves = pd.DataFrame(record["curves"]).query("family == 'equal-width'")
    table = np.log(curves.pivot(index=["network", "seed"], columns="epoch", values="val_loss"))
    change = table[table.columns.max()] - table[table.columns.max() - epochs]
    falling = [name for name, one in change.groupby("network") if statistics.mean_interval(one).high < 0]
    means = np.expm1(change.groupby("network").mean())
    return Found(
        f"over the last {epochs} epochs the validation loss changes by {means.min():.1%} to "
        f"{means.max():.1%}; it still falls for {len(falling)} of {len(means)} networks",
        f"learning curves of every seed, {source_of(record)}",
        holds=not falling,
        short=shortfall(record, FULL),
    )


@check("recorded")
def no_gap(case: Case) -> Found:
    """Validation minus training error of the final networks, whose training images have fresh noise.

    A gap is significant where its whole 95 % interval is above zero. All seeds share the same images, so to
    the interval over seeds that of the means over so many images is added, in quadrature: `_spread` gives
    the standard deviation of single images' errors.
    """
    record, gaps = case.run(), []
    images = record["parameters"]["train_images"]
    by_images = _Z * _spread(record) * np.sqrt(1 / (0.2 * images) + 1 / (0.8 * images))
    for name in _names():
        seen, unseen = (
            series(record, {"quantity": kind, "method": name}) for kind in ("training MSE", "validation MSE")
        )
        gaps.append((statistics.paired_comparison(unseen, seen), seen.mean()))
    shares = [gap.difference / error for gap, error in gaps]
    over_seeds = sum(gap.low > 0 for gap, _ in gaps)
    significant = sum(
        gap.difference > np.hypot(gap.difference - gap.low, by_images * error) for gap, error in gaps
    )
    return Found(
        f"gaps of {min(shares):+.1%} to {max(shares):+.1%} of the training error; {significant} of"
        f" {len(gaps)} intervals are above zero (of the intervals over seeds alone {over_seeds} are; they"
        f" leave out that other images would move a gap by {by_images:.1%})",
        f"validation MSE minus MSE on training images with fresh noise, {source_of(record)}",
        holds=significant == 0,
        short=shortfall(record, FULL),
    )


@check("recorded")
def loss_order(
    case: Case, *, along: str, quantities: list, average: bool = False, best: bool = False
) -> Found:
    """Whether losses rise as networks get shallower or latents smaller, paired over seeds.

    An order holds where the 95 % interval of the paired difference is below 0, and is reversed where it is
    above. The claim holds where all orders do, and fails where one is reversed.

    Args:
        case: the claim.
        along: "depth" or "latent", which of the two changes.
        quantities: the losses of the record.
        average: compare means over the other of the two, not each of its values.
        best: compare the first with each of the others, not neighbours.
    """
    record, verdicts, words = case.run(), [], []
    changing, fixed = (DEPTHS, LATENTS) if along == "depth" else (LATENTS, DEPTHS)
    pairs = [(changing[0], other) for other in changing[1:]] if best else list(pairwise(changing))
    for quantity in quantities:
        for at in [fixed] if average else [(one,) for one in fixed]:
            for lower, higher in pairs:
                first, second = (
                    sum(
                        series(record, {"quantity": quantity, "method": _name(along, one, other)})
                        for other in at
                    )
                    / len(at)
                    for one in (lower, higher)
                )
                found = statistics.paired_comparison(first, second)
                verdicts.append(found.below_zero)
                if not found.below_zero or average:
                    where = "on average" if average else _name(along, lower, at[0])
                    words.append(
                        f"{quantity}, {where}, {along} {lower} minus {higher}: {found.difference:+.5f} "
                        f"({found.low:+.5f} to {found.high:+.5f})"
                    )
    undecided = verdicts.count(None)
    return Found(
        f"{verdicts.count(True)} of {len(verdicts)} orders hold, {verdicts.count(False)} reversed, "
        f"{undecided} undecided" + "".join(f"; {one}" for one in words),
        f"paired differences over seeds, {source_of(record)}",
        holds=all_hold(verdicts),
        short=shortfall(record, FULL),
        lacks=UNDECIDED if undecided else None,
    )


@check("recorded")
def increase_by_depth(case: Case) -> Found:
    """Whether the rise of the test MSE from latent 13 to latent 8 is larger at depth 1 than at depth 5."""
    record = case.run()
    rise = {
        depth: series(record, {"quantity": "test MSE", "method": f"DAE_{depth}_8"})
        - series(record, {"quantity": "test MSE", "method": f"DAE_{depth}_13"})
        for depth in DEPTHS
    }
    found = statistics.paired_comparison(rise[5], rise[1])
    return Found(
        ", ".join(f"depth {depth}: {one.mean():+.5f}" for depth, one in rise.items())
        + f"; depth 5 minus depth 1 {found.difference:+.5f} ({found.low:+.5f} to {found.high:+.5f})",
        f"rise of the test MSE, paired over seeds, {source_of(record)}",
        holds=found.below_zero,
        short=shortfall(record, FULL),
        lacks=UNDECIDED if found.below_zero is None else None,
    )


@check("recorded")
def highest_of_depth(case: Case) -> Found:
    """Latent 5 has the highest test MSE at every depth; beside it, an affine map through as many numbers."""
    record, test = case.run(), {"quantity": "test MSE"}
    by_depth = []
    for depth in DEPTHS:
        errors = [series(record, test | {"method": f"DAE_{depth}_{latent}"}) for latent in LATENTS]
        by_depth.append(
            all_hold([statistics.paired_comparison(one, errors[-1]).below_zero for one in errors[:-1]])
        )
    holds = all_hold(by_depth)
    affine = series(record, test | {"method": "affine, 100 numbers"}).item()
    means = {depth: series(record, test | {"method": f"DAE_{depth}_5"}).mean() for depth in DEPTHS}
    return Found(
        f"the highest of its depth at {by_depth.count(True)} of 3 depths: "
        + ", ".join(f"depth {depth} {mean:.4f}" for depth, mean in means.items())
        + f"; the best affine map through 100 numbers has {affine:.4f}, so that "
        f"{sum(mean < affine for mean in means.values())} of 3 are ahead of it: no limit of 100 numbers",
        f"test MSE, paired over seeds, {source_of(record)}",
        holds=holds,
        short=shortfall(record, FULL),
        lacks=UNDECIDED if holds is None else None,
    )


@check("recorded")
def nearest(case: Case, *, methods: list, to: str, a_fortiori: bool = False) -> Found:
    """What a network's outputs are nearest to in every run: the image, the mean of its class, the mean digit.

    Args:
        case: the claim.
        methods: the networks.
        to: the expected nearest, one of the keys below.
        a_fortiori: more training could only move the outputs further from `to`, so that a run short of the
            report's conditions decides against the claim.
    """
    record = case.run()
    kinds = {
        "the image": "test MSE",
        "the mean of its class": "distance to the mean of its class",
        "the mean digit": "distance to the mean digit",
    }
    if to not in kinds:
        raise ValueError(f"to: {to!r} is none of {', '.join(kinds)}")
    held, words = [], []
    for method in methods:
        distances = pd.DataFrame(
            {name: series(record, {"quantity": kind, "method": method}) for name, kind in kinds.items()}
        )
        held += (distances.idxmin(axis=1) == to).to_list()
        kept = series(record, {"quantity": "variation kept", "method": method}).mean()
        means = ", ".join(f"{mean:.3f} to {name}" for name, mean in distances.mean().items())
        words.append(f"{method} keeps {kept:.0%} of the variation, MSE {means}")
    holds = all(held)
    return Found(
        "; ".join(words),
        f"distances of outputs, every seed, {source_of(record)}"
        + (f"; more training can only move them further from {to}" if a_fortiori else ""),
        holds=holds,
        short=None if a_fortiori and not holds else shortfall(record, FULL),
    )


@check("recorded")
def ahead_of(case: Case, *, methods: list, references: list) -> Found:
    """Every run of the networks has a lower test MSE than every reference, which is no network."""
    record = case.run()
    errors = {
        name: series(record, {"quantity": "test MSE", "method": name}) for name in (*methods, *references)
    }
    worst, least = max(errors[name].max() for name in methods), min(errors[name].min() for name in references)
    described = ", ".join(f"{name} {one.mean():.4f}" for name, one in errors.items())
    return Found(
        described,
        f"test MSE, all runs of each network, {source_of(record)}",
        holds=bool(worst < least),
        short=shortfall(record, FULL),
    )


@check("consistency")
def captions(case: Case, *, one: str, other: str) -> Found:
    """Whether two figures that the text describes as different have different captions."""
    return Found(
        f'both are called "{one}"' if one == other else f'"{one}" and "{other}"',
        "the captions as printed; the text says that Figure 5 shows losses and Figure 7 samples of images",
        holds=one != other,
    )


@check("recorded")
def accuracy_follows_error(case: Case) -> Found:
    """A classifier's accuracy on denoised images ranks the nine networks as their error does, in every run.

    It holds where Spearman's correlation is below 0 with p < 0.05 for each seed.
    """
    record = case.run()
    table = pd.DataFrame(
        {
            (quantity, name): series(record, {"quantity": quantity, "method": name})
            for quantity in ("test MSE", "accuracy")
            for name in _names()
        }
    )
    found = [stats.spearmanr(run["test MSE"], run["accuracy"]) for _, run in table.iterrows()]
    accuracies = table["accuracy"].mean()
    return Found(
        f"accuracies of {accuracies.min():.3f} to {accuracies.max():.3f}; rank correlation with the error "
        f"{min(one.statistic for one in found):.2f} to {max(one.statistic for one in found):.2f}",
        f"logistic regression of clean digits on denoised ones, every seed, {source_of(record)}",
        holds=all(one.statistic < 0 and one.pvalue < 0.05 for one in found),
        short=shortfall(record, FULL),
    )


def _spread(record: Mapping[str, object]) -> float:
    """Relative standard deviation of single images' errors: those of DAE_5_13 on the embedded digits."""
    from compendium import training  # TensorFlow: only for those who need it

    network = built("dae", depth=5, latent=13, width=record["parameters"]["width"])
    folder = project.RESULTS / "depth-latent" / str(record["profile"])
    network.load_weights(folder / "DAE_5_13.weights.h5")
    clean = as_float(data.load("digits", "test").images)
    noisy = noise.gaussian(clean, sigma=record["parameters"]["noise_level"], seed=0)
    errors = metrics.mse(clean, training.predict(network, noisy))
    return float(errors.std() / errors.mean())


def _names() -> list[str]:
    return [f"DAE_{depth}_{latent}" for depth in DEPTHS for latent in LATENTS]


def _name(along: str, one: int, other: int) -> str:
    depth, latent = (one, other) if along == "depth" else (other, one)
    return f"DAE_{depth}_{latent}"


def _latent(network: object) -> list[int]:
    rows, columns, channels = network.get_layer("latent").output.shape[1:]
    return [channels, rows, columns]


def _layers(text: str) -> tuple[int, int]:
    down, up = (int(part.split()[0]) for part in text.split(" + "))
    return down, up


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _adam(inputs: np.ndarray, targets: np.ndarray, reset: bool, steps: int = 300) -> float:
    """Train an affine map from `inputs` to `targets`, rows of pixels, by Adam; return its MSE on all rows."""
    rng = np.random.default_rng(0)
    inputs = np.hstack([inputs, np.ones((len(inputs), 1), inputs.dtype)])
    weights = np.zeros((inputs.shape[1], targets.shape[1]), np.float32)
    gradient, first, second = (np.zeros_like(weights) for _ in range(3))
    for step in range(1, steps + 1):
        batch = rng.integers(len(inputs), size=64)
        now = inputs[batch].T @ (inputs[batch] @ weights - targets[batch]) * (2 / (64 * targets.shape[1]))
        gradient = now if reset else gradient + now
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        scaled = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        weights = weights - 0.003 * scaled
    return float(((inputs @ weights - targets) ** 2).mean())
