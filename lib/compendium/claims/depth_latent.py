"""Checks of the report on depth and latent size."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import ndimage, signal, stats

from compendium import data, metrics, noise, project
from compendium.claims.checks import Case, built, check, image_set, order, series, shortfall, source_of
from compendium.claims.rules import LEVEL, MARGINS, Found, Order, PValues, together
from compendium.images import as_float

DEPTHS, LATENTS = (5, 3, 1), (13, 8, 5)  # those said to be better first
FULL = {"dataset": "mnist", "train_images": 60000, "epochs": 15}  # the report's conditions
OURS = "kernels, channels, batch size, learning rate and start"  # what the report does not print
MARGIN = MARGINS["MSE"].size / 100  # of a loss; differences below this share count as none


@check("built")
def filters_and_noises(case: Case) -> Found:
    """Which of the three filters that the report names has the lowest error, for two kinds of noise.

    A filter is preferred for its own noise where Gaussian noise and salt and pepper have different best
    ones, each ahead of the second by a paired t test over the images. Gaussian noise is what the name says,
    not clipped; the report's, which is clipped, stands beside it.
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
    best, p, words = [], [], []
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
        p.append(order(first, errors[first], errors[second]).below)
        words.append(f"{name}: " + ", ".join(f"{kind} {mse:.3f}" for kind, mse in errors.mean().items()))
    return Found(
        "; ".join(words),
        "MSE of filters of 3x3 pixels on 200 embedded test digits with Gaussian noise of 0.5 and 30 % of "
        f"salt and pepper; the best is ahead of the second with p = {max(p):.1g} at most",
        holds=best[0] != best[-1] and max(p) <= LEVEL,
    )


@check("built")
def clipping_mitigates(case: Case) -> Found:
    """Noise of 0.5 N(0, 1) leads pixels of embedded digits out of [0, 1], and clipping lowers its error."""
    clean = as_float(data.load("digits", "test").images)
    noisy = clean + 0.5 * np.random.default_rng(0).standard_normal(clean.shape)
    clipped = noisy.clip(0, 1)
    before, after = (pd.Series(((images - clean) ** 2).mean(axis=(1, 2, 3))) for images in (noisy, clipped))
    compared = order("after clipping minus before", after, before)
    return Found(
        f"the noise leads {(noisy != clipped).mean():.0%} of the pixels out of the range; clipping lowers "
        f"the MSE from {before.mean():.3f} to {after.mean():.3f}",
        f"{len(clean):,} embedded test digits; in {compared.lower:,} of them clipping lowers the MSE",
        holds=bool((noisy != clipped).any() and compared.below <= LEVEL),
    )


@check("training")
def not_dominated(case: Case) -> Found:
    """A classifier of clean digits is right on noisy ones more often than on the mean image."""
    record = case.run()
    share, chance = (
        series(record, {"quantity": "accuracy", "method": name}).item()
        for name in ("noisy input", "mean image")
    )
    images = record["parameters"]["test_images"]
    holds, fails = (
        stats.binomtest(round(share * images), images, chance, alternative=side).pvalue
        for side in ("greater", "less")
    )
    return Found(
        f"{share:.1%} of {images:,} noisy digits are classified correctly, {chance:.1%} if each is replaced "
        "by the mean image",
        f"logistic regression of clean digits, {source_of(record)}; binomial test",
        test=PValues(float(holds), float(fails)),
    )


@check("arithmetic")
def normalised(case: Case) -> Found:
    """The ends of the range to which the printed formula brings bytes that do not begin at 0."""
    values = np.arange(17, 256)
    scaled = (values - values.min()) / (values.max() - values.min())
    return Found([float(scaled.min()), float(scaled.max())], "the formula, of values from 17 to 255")


@check("data")
def image_shape(case: Case) -> Found:
    """The shape of an MNIST image, channels first."""
    rows, columns = image_set("mnist").images[0].shape[:2]
    return Found([1, rows, columns], "an MNIST image: one value per pixel")


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
        f"the sum is {ratio:.0f} times the mean",
        f"the printed sum and the mean over {side} x {side} squared errors",
        holds=bool(np.isclose(ratio, 1)),
    )


@check("arithmetic")
def symmetrical(case: Case) -> Found:
    """Every entry of Table 1 has as many transposed convolutions as convolutions."""
    layers = [tuple(int(part.split()[0]) for part in one.split(" + ")) for one in case.claim.value]
    return Found(
        "convolutions and transposed ones: " + ", ".join(f"{down} and {up}" for down, up in layers),
        "the layers that Table 1 counts",
        holds=all(down == up for down, up in layers),
    )


@check("built")
def output_range(case: Case) -> Found:
    """Outputs of a built network with its sigmoid, and with a ReLU there, for inputs far outside [0, 1]."""
    import keras  # slow to import

    from compendium import training

    training.set_seed(0)
    network = built("dae", depth=3, latent=8)
    inputs = np.random.default_rng(0).normal(0, 200, (20, 28, 28, 1)).astype("float32")
    sigmoid = np.asarray(network(inputs))
    network.layers[-1].activation = keras.activations.relu
    relu = np.asarray(network(inputs))
    return Found(
        f"outputs from {sigmoid.min():.2g} to {sigmoid.max():.2g}; with a ReLU up to {relu.max():.2g}",
        "`dae(3, 8)` built, given values far outside [0, 1]",
        holds=bool(sigmoid.min() > 0 and sigmoid.max() < 1 < relu.max()),
    )


@check("arithmetic")
def layers_in_total(case: Case, *, depth: list) -> Found:
    """How many layers stand between input and output image, with so many in encoder and in decoder."""
    return Found([2 * one for one in depth], f"twice {', '.join(map(str, depth))}")


@check("arithmetic")
def share_kept(case: Case, *, latent: list) -> Found:
    """Numbers of a latent space of that shape, as a percentage of the pixels of an image."""
    numbers = int(np.prod(latent))
    return Found(100 * numbers / 28**2, f"{numbers} of 784 numbers")


@check("arithmetic")
def installable(case: Case, *, needed: dict) -> Found:
    """Whether the Python of the claim is new enough for its packages: `needed`, what each declares."""
    versions = case.claim.value
    older = [one for one, oldest in needed.items() if _version(versions["Python"]) < _version(oldest)]
    words = ", ".join(f"{one} {versions[one]} needs {needed[one]} or newer" for one in needed)
    return Found(
        f"beside Python {versions['Python']}: {words}",
        "Requires-Python of the packages on PyPI",
        holds=not older,
    )


@check("training")
def converged(case: Case, *, epochs: int) -> Found:
    """On average less than `MARGIN` of the fall of a network's validation loss is in the last `epochs`."""
    record = case.run()
    curves = pd.DataFrame(record["curves"]).query("family == 'equal-width'")
    table = curves.pivot(index=["network", "seed"], columns="epoch", values="val_loss")
    first, last = table[table.columns.min()], table[table.columns.max()]
    late = table[table.columns.max() - epochs] - last
    of_loss, share = late / (late + last), late / (first - last)
    of_networks, of_seeds = share.groupby("network").mean(), share.groupby("seed").mean()
    compared = order(f"share of the fall minus {MARGIN:.0%}", of_seeds, MARGIN)
    return Found(
        f"over the last {epochs} epochs the validation loss falls by {of_seeds.mean():.1%} of its whole fall "
        f"on average ({compared.low + MARGIN:.1%} to {compared.high + MARGIN:.1%}), of single networks by "
        f"{of_networks.min():.1%} to {of_networks.max():.1%}; of the loss itself by {of_loss.mean():.1%}",
        f"learning curves of {compared.pairs} seeds, {source_of(record)}; t test against {MARGIN:.0%}",
        orders=[compared],
        short=shortfall(record, FULL),
        left_out=OURS,
    )


@check("training")
def no_gap(case: Case) -> Found:
    """Validation and training loss differ by less than `MARGIN` of the training loss, either way.

    For each network, over the seeds: by the training loss of the last epoch, which is a mean over networks
    that still improve, and by that of the final network on the training images with fresh noise. All seeds
    share the same images; what others would change is estimated from the spread over images (`_spread`).
    """
    record, orders, words = case.run(), [], []
    for kind, name in (
        ("training loss of the last epoch", "training loss of the last epoch"),
        ("training MSE", "loss of the final networks on training images with fresh noise"),
    ):
        gaps = {
            method: series(record, {"quantity": "validation MSE", "method": method})
            / series(record, {"quantity": kind, "method": method})
            - 1
            for method in _names()
        }
        for method, gap in gaps.items():
            orders.append(order(f"{method}, gap to the {name} minus {MARGIN:.0%}", gap, MARGIN))
            orders.append(order(f"{method}, minus gap to the {name} minus {MARGIN:.0%}", -gap, MARGIN))
        means = pd.Series({method: gap.mean() for method, gap in gaps.items()})
        words.append(f"{means.min():+.1%} to {means.max():+.1%} of the {name}")
    images = record["parameters"]["train_images"]
    by_images = 1.96 * _spread(record) * np.sqrt(1 / (0.2 * images) + 1 / (0.8 * images))
    return Found(
        f"validation is ahead or behind by {', and by '.join(words)}",
        f"nine networks, {source_of(record)}; t tests over the seeds against {MARGIN:.0%} either way; other "
        f"images would move a gap by {by_images:.1%}",
        orders=orders,
        short=shortfall(record, FULL),
        left_out=OURS,
    )


@check("training")
def loss_order(
    case: Case, *, along: str, quantities: list, average: bool = False, best: bool = False
) -> Found:
    """Whether losses rise as networks get shallower or latents smaller, paired over seeds.

    Args:
        case: the claim.
        along: "depth" or "latent", which of the two changes.
        quantities: the losses of the record.
        average: compare means over the other of the two, not each of its values.
        best: compare the first with each of the others, not neighbours.
    """
    record, orders, level = case.run(), [], []
    changing, fixed = (DEPTHS, LATENTS) if along == "depth" else (LATENTS, DEPTHS)
    pairs = [(changing[0], other) for other in changing[1:]] if best else list(pairwise(changing))
    for quantity in quantities:
        for at in [fixed] if average else [(one,) for one in fixed]:
            for pair in pairs:
                first, second = (
                    sum(series(record, {"quantity": quantity, "method": _name(along, one, o)}) for o in at)
                    / len(at)
                    for one in pair
                )
                names = [f"{along} {one}" if average else _name(along, one, at[0]) for one in pair]
                orders.append(order(f"{quantity}, {' minus '.join(names)}", first, second))
                if orders[-1].low <= 0 <= orders[-1].high:
                    level.append(_level(first, second))
    found = _of_losses(record, orders)
    if not level:
        return found
    words = f"; that these are within {MARGIN:.0%} of each other has p = {max(level):.1g} (two t tests each)"
    return replace(found, ours=found.ours + words)


@check("training")
def increase_by_depth(case: Case) -> Found:
    """Whether the rise of the test MSE from latent 13 to latent 8 is larger at depth 1 than at depth 5."""
    record = case.run()
    rise = {
        depth: series(record, {"quantity": "test MSE", "method": f"DAE_{depth}_8"})
        - series(record, {"quantity": "test MSE", "method": f"DAE_{depth}_13"})
        for depth in DEPTHS
    }
    compared = order("depth 5 minus depth 1", rise[5], rise[1])
    return Found(
        ", ".join(f"depth {depth}: {one.mean():+.5f}" for depth, one in rise.items()) + f"; {compared}",
        f"rise of the test MSE from 13 x 13 to 8 x 8, paired over seeds, {source_of(record)}",
        orders=[compared],
        short=shortfall(record, FULL),
        left_out=OURS,
    )


@check("training")
def highest_of_depth(case: Case) -> Found:
    """Latent 5 has a higher test MSE than the two others, at every depth."""
    record, orders = case.run(), []
    for depth in DEPTHS:
        first, second, last = (
            series(record, {"quantity": "test MSE", "method": f"DAE_{depth}_{latent}"}) for latent in LATENTS
        )
        orders.append(order(f"DAE_{depth}_13 minus DAE_{depth}_5", first, last))
        orders.append(order(f"DAE_{depth}_8 minus DAE_{depth}_5", second, last))
    return _of_losses(record, orders)


@check("training")
def nearest(case: Case, *, method: str, to: str) -> Found:
    """Whether a network's outputs are nearer to one thing than to each of two others, over the seeds.

    Args:
        case: the claim.
        method: the network.
        to: the expected nearest, one of the keys below.
    """
    record = case.run()
    kinds = {
        "the image": "test MSE",
        "the mean of its class": "distance to the mean of its class",
        "the mean digit": "distance to the mean digit",
    }
    if to not in kinds:
        raise ValueError(f"to: {to!r} is none of {', '.join(kinds)}")
    distances = {name: series(record, {"quantity": kind, "method": method}) for name, kind in kinds.items()}
    kept = series(record, {"quantity": "variation kept", "method": method})
    means = ", ".join(f"{one.mean():.3f} to {name}" for name, one in distances.items())
    return Found(
        f"{method} keeps {kept.mean():.0%} of the images' variation; its outputs have an MSE of {means}",
        f"distances of outputs, paired over seeds, {source_of(record)}",
        orders=[
            order(f"to {to} minus to {name}", distances[to], one)
            for name, one in distances.items()
            if name != to
        ],
        short=shortfall(record, FULL),
        left_out=OURS,
    )


@check("training")
def ahead_of(
    case: Case, *, methods: list, references: list, similar: bool = False, blurred: bool = False
) -> Found:
    """Networks have a lower test MSE than what needs no training, over the seeds.

    Args:
        case: the claim.
        methods: the networks.
        references: what needs no training.
        similar: their outputs are also nearer to the image than to the mean of its class.
        blurred: their outputs also vary less over the images than the clean images do.
    """
    record, orders, words = case.run(), [], []
    known = {name: series(record, {"quantity": "test MSE", "method": name}).item() for name in references}
    for method in methods:
        error, kept, away = (
            series(record, {"quantity": quantity, "method": method})
            for quantity in ("test MSE", "variation kept", "distance to the mean of its class")
        )
        orders += [order(f"{method} minus {name}", error, value) for name, value in known.items()]
        if similar:
            orders.append(order(f"{method}, to the image minus to the mean of its class", error, away))
        if blurred:
            orders.append(order(f"{method}, variation kept minus 1", kept, 1))
        words.append(f"{method} {error.mean():.4f}")
        words[-1] += f", to the mean of its class {away.mean():.3f}" if similar else ""
        words[-1] += f", variation kept {kept.mean():.0%}" if blurred else ""
    return Found(
        "; ".join([*words, *(f"{name} {value:.4f}" for name, value in known.items())]),
        f"test MSE, t tests over the seeds, {source_of(record)}",
        orders=orders,
        short=shortfall(record, FULL),
        left_out=OURS,
    )


@check("arithmetic")
def captions(case: Case, *, one: str, other: str) -> Found:
    """Whether two figures that the text describes as different have different captions."""
    return Found(
        f'both are called "{one}"' if one == other else f'"{one}" and "{other}"',
        "the captions of Figures 5 and 7 as printed",
        holds=one != other,
    )


@check("training")
def accuracy_follows_error(case: Case) -> Found:
    """A classifier's accuracy on denoised images ranks the nine networks as their error does, in every run.

    By Spearman's rank correlation of the nine; of the seeds' p values the largest counts.
    """
    record = case.run()
    table = pd.DataFrame(
        {
            (quantity, name): series(record, {"quantity": quantity, "method": name})
            for quantity in ("test MSE", "accuracy")
            for name in _names()
        }
    )
    runs = [(run["test MSE"], run["accuracy"]) for _, run in table.iterrows()]
    found = [stats.spearmanr(*run).statistic for run in runs]
    holds, fails = (
        [stats.spearmanr(*run, alternative=side).pvalue for run in runs] for side in ("less", "greater")
    )
    accuracies = table["accuracy"].mean()
    return Found(
        f"accuracies of {accuracies.min():.3f} to {accuracies.max():.3f}; rank correlation with the error "
        f"{min(found):.2f} to {max(found):.2f}",
        f"logistic regression of clean digits on denoised ones, {len(runs)} seeds, {source_of(record)}; "
        "Spearman's test of each seed",
        test=together(holds, fails),
        short=shortfall(record, FULL),
        left_out=OURS,
    )


def _level(first: pd.Series, second: pd.Series) -> float:
    """The p of two one-sided t tests that two losses, paired, differ by less than `MARGIN` of the second."""
    margin = MARGIN * second.mean()
    return max(order("", one, margin).below for one in (first - second, second - first))


def _of_losses(record: Mapping[str, object], orders: Sequence[Order]) -> Found:
    """What was found of orders of losses that all have to hold; in words those that do not, or the least."""
    reversed_ = [one for one in orders if one.low > 0]
    neither = [one for one in orders if one.low <= 0 <= one.high]
    holding = len(orders) - len(reversed_) - len(neither)
    counts = f"{holding} of {len(orders)} orders hold by their own intervals, {len(reversed_)} are reversed"
    shown = orders if len(orders) < 3 else [*reversed_, *neither]
    least = "" if shown else f"; the least sure: {max(orders, key=lambda one: one.below)}"
    return Found(
        "; ".join([counts, *map(str, shown)]) + least,
        f"paired differences over seeds, {source_of(record)}",
        orders=orders,
        short=shortfall(record, FULL),
        left_out=OURS,
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


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
