"""Checks of the paper on filtering synthesised images in latent space."""

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from compendium import project, results, statistics
from compendium.claims.checks import Case, check, order, ordered, series, shortfall, source_of
from compendium.claims.rules import MARGINS, Found, PValues

FULL = {"vae_widths": [512, 1024, 400, 100]}  # of the autoencoder, Tables 1 and 2
CLASSIFIER = "its classifier"
RIVALS = "the techniques that it compares with, its augmentation and its classifier"
SPHERES = "its augmentation, how its autoencoder was trained, and the centre of its spheres"
DATA = {"MNIST": "mnist", "CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
IMAGES = (5, 10, 20, 100)
AT_WIDTHS = "and without collapsed autoencoders the conditions that were run at the printed widths"


def _level(condition: str) -> str:
    """Return what a record calls a row of Table 3, such as "MNIST 5"."""
    name, images = condition.split()
    return f"{DATA[name]}, {images} a class"


def _named(level: str) -> str:
    """Return what a reader calls a level of a record, such as "MNIST with 5 images per class"."""
    data, images = level.removesuffix(" a class").split(", ")
    return f"{next(name for name, ours in DATA.items() if ours == data)} with {images} images per class"


def _levels(data: list[str] | None = None) -> list[str]:
    """Return what a record calls the rows of Table 3 of these data sets, or all twelve."""
    return [_level(f"{name} {images}") for name in data or DATA for images in IMAGES]


@cache
def _at_printed_widths() -> dict[str, dict[str, object]]:
    """Return the records of single conditions that were run at the widths of Tables 1 and 2, by level."""
    paths = sorted((project.RESULTS / "latent-filtering" / "paper").glob("record-*.json"))
    records = {}
    for path in paths:
        record = results.read(path)
        levels = results.metrics_of(record)["level"].unique()
        records |= {level: record for level in levels if not shortfall(record, FULL)}
    return records


def _learnt(record: dict[str, object], level: str) -> list[float]:
    """Return the seeds whose autoencoder is ahead of the mean image on its own originals."""
    errors = [
        series(record, {"quantity": "MSE, originals", "method": method, "level": level})
        for method in ("VAE", "mean image")
    ]
    return [seed for (seed, _), ahead in (errors[0] < errors[1]).items() if ahead]


def _mean(record: dict[str, object], level: str, arm: str, seeds: list[float] | None = None) -> float:
    """Return the accuracy with the images of an arm in one condition, in per cent, mean over its draws."""
    draws = series(record, {"quantity": "accuracy", "method": arm, "level": level}).droplevel("image")
    return float(100 * (draws if seeds is None else draws.loc[seeds]).mean())


def _means(record: dict[str, object], arm: str, data: list[str] | None = None) -> pd.Series:
    """Return `_mean` for each condition: they, and not the draws within one, are independent."""
    return pd.Series({level: _mean(record, level, arm) for level in _levels(data)})


def _wide(rival: str, data: list[str] | None = None) -> pd.Series:
    """Return how far "+ qualified" is ahead of a rival arm at the printed widths, a number a condition.

    Draws whose autoencoder collapsed are left out.
    """
    gains = {}
    for level, record in _at_printed_widths().items():
        if level not in _levels(data):
            continue
        ours, theirs = (_mean(record, level, arm, _learnt(record, level)) for arm in ("+ qualified", rival))
        gains[level] = ours - theirs
    return pd.Series(gains, dtype=float)


def _against(rival: str, gains: pd.Series) -> str:
    """Return a mean gain over conditions with its interval, in words."""
    mean, low, high = statistics.mean_interval(gains)
    ahead = f"ahead in {(gains > 0).sum()} of {len(gains)} conditions"
    return f"“+ qualified” minus “{rival}” {mean:+.2f} points ({low:+.2f} to {high:+.2f}; {ahead})"


@cache
def _autoencoder() -> object:
    from compendium.models import vae

    return vae((28, 28, 1))


@check("built")
def vae_layer(case: Case, *, part: str, layer: int) -> Found:
    """Output shape and parameters of a layer of the encoder or decoder, from 0, at the paper's widths."""
    one = _autoencoder().get_layer(part).layers[layer]
    output = one.output[0] if isinstance(one.output, list) else one.output
    shape = "x".join(map(str, output.shape[1:]))
    how = f"`vae` built with the defaults, layer {layer} of the {part} (`{type(one).__name__}`) counted"
    return Found({"output": shape, "parameters": one.count_params()}, how)


@check("arithmetic")
def same_autoencoder(case: Case, *, first: str, filters: int, channels: int) -> Found:
    """Whether the `first` convolution, of 3 x 3, has the parameters that so many channels need."""
    taken = (case.published(first)["parameters"] / filters - 1) / 9  # a weight each place and channel, a bias
    return Found(
        f"the network of Table 1 takes images of {taken:g} channel; those of CIFAR have {channels}",
        f"channels of the input from the parameters of {first}",
        holds=taken == channels,
        left_out="how colour images of 32 x 32 came into this network",
    )


@check("training")
def qualified(case: Case, *, condition: str, of: int) -> Found:
    """How many synthesised images our spheres keep, `of` as many as the paper synthesised.

    Where the condition was run at the printed widths, that run counts. Draws whose autoencoder collapsed are
    not among its numbers, since the code that made these records counted points on a sphere of no radius as
    outside; as long as one is lacking, nothing is decided, for leaving out what failed would choose a result.
    """
    level = _level(condition)
    record = _at_printed_widths().get(level) or case.run()
    shares = series(record, {"quantity": "share kept", "method": "synthesised", "level": level})
    learnt = _learnt(record, level)
    kept = shares.droplevel("image").loc[learnt] * of
    collapsed = len(shares) - len(kept)
    left = f" ({collapsed} of collapsed autoencoders left out)" if collapsed else ""
    widths = "-".join(map(str, record["parameters"]["vae_widths"]))
    return Found(
        float(kept.mean()),
        f"share of the synthesised images in the spheres, mean over {len(kept)} draws{left}, of {of:,}; "
        f"{source_of(record)}, widths {widths}",
        runs=kept.tolist(),
        short=shortfall(record, {"synthesised_limit": of, **FULL}),
        lacks=f"{collapsed} of {len(shares)} draws to be computed again" if collapsed else None,
        left_out=SPHERES,
    )


@check("training")
def accuracy(case: Case, *, condition: str, arm: str) -> Found:
    """Accuracy of our classifier with the images of an arm, in per cent."""
    record = case.run()
    numbers = 100 * series(record, {"quantity": "accuracy", "method": arm, "level": _level(condition)})
    how = f"accuracy of “{arm}”, mean over {len(numbers)} draws, {source_of(record)}"
    return Found(float(numbers.mean()), how, runs=numbers.tolist(), left_out=CLASSIFIER)


@check("training")
def gains(
    case: Case, *, over: str, data: list | None = None, other: str | None = None, needs: dict | None = None
) -> Found:
    """Whether the qualified images are ahead of another arm; each condition counts once, as its draws' mean.

    Args:
        case: the claim.
        over: the arm that is to be behind.
        data: data sets whose conditions are taken, all without it.
        other: another arm, for another reading, which is named and decides nothing.
        needs: parameters of the run that the paper's conditions ask for.
    """
    record = case.run()
    behind, ahead = (_means(record, arm, data) for arm in (over, "+ qualified"))
    how = f"mean over {len(ahead)} conditions, {source_of(record)}"
    if len(wide := _wide(over, data)) > 1:
        how += f", {AT_WIDTHS}: {_against(over, wide)}"
    if other:
        how += f"; the other reading: {_against(other, ahead - _means(record, other, data))}"
    one = order(f"accuracy of “{over}” minus that of “+ qualified”, points", behind, ahead)
    return ordered([one], how, short=shortfall(record, needs), left_out=CLASSIFIER)


@check("training")
def chooses_better(case: Case, *, than: str) -> Found:
    """Whether the qualified images are ahead of an arm that has as many, or not ahead by the margin.

    The claim is shown where the mean gain over conditions is above 0, its contrary where it is below the
    margin of an accuracy: what chooses no better is not behind, but level. Rivals, augmentation and
    classifier are ours, so that the contrary cannot speak against the paper. The narrower widths of the run
    count as a shortfall unless the conditions that were run at the printed widths show the contrary as well.
    """
    record, margin = case.run(), MARGINS["accuracy"].size
    found = _means(record, "+ qualified") - _means(record, than)
    p = [
        float(stats.ttest_1samp(found, bound, alternative=side).pvalue)
        for bound, side in ((0, "greater"), (margin, "less"))
    ]
    wide = _wide(than)
    level_too = statistics.mean_interval(wide).high < margin  # False where there are too few
    return Found(
        f"{_against(than, found)}; at the printed widths {_against(than, wide)}",
        f"mean over {len(found)} conditions, {source_of(record)}, {AT_WIDTHS}; one-sided t tests over all: "
        f"p = {p[0]:.2g} for a gain above 0, {p[1]:.2g} for one below the margin of {margin:g} points",
        test=PValues(*p),
        short=None if level_too else shortfall(record, FULL),
        left_out=RIVALS,
    )


@check("training")
def threshold(case: Case) -> Found:
    """Whether spheres for 95 % of the originals keep other shares of new images in other data sets.

    The p is the least of four analyses of variance over the data sets, one for each number of images, times
    four (Bonferroni). That something may not hold everywhere is refuted by no run.
    """
    record = case.run()
    chosen = {"quantity": "share kept", "method": "test images, own class"}
    shares = {level: series(record, chosen | {"level": level}) for level in _levels()}
    least, most = (choose(shares, key=lambda level: shares[level].mean()) for choose in (min, max))
    p = [stats.f_oneway(*(shares[_level(f"{name} {images}")] for name in DATA)).pvalue for images in IMAGES]
    return Found(
        f"of new images of the class the spheres keep {shares[least].mean():.0%} ({_named(least)}) to "
        f"{shares[most].mean():.0%} ({_named(most)})",
        f"share of test images in the sphere of their class, between data sets, {source_of(record)}",
        test=PValues(min(1.0, len(p) * float(min(p))), 1.0),
    )


@check("arithmetic")
def relative_change(case: Case, *, before: str, after: str, fall: bool = False) -> Found:
    """Relative change between two rows of Table 3, in per cent; with `fall`, how far they fall."""
    first, second = (float(case.published(name)) for name in (before, after))
    change = 100 * (second / first - 1)
    return Found(-change if fall else change, f"from {first} to {second} %")


@check("arithmetic")
def greatest_with_fewest(case: Case, *, fewest: list, most: list, falls: list) -> Found:
    """Whether the printed changes are greater on average for rows with few images than for those with more.

    `falls` are the rows among them whose printed number is a fall.
    """
    changes = {name: (-1 if name in falls else 1) * float(case.published(name)) for name in [*fewest, *most]}
    few, many = (float(np.mean([changes[name] for name in names])) for names in (fewest, most))
    by_size = sorted(changes, key=changes.get, reverse=True)
    leading = next(place for place, name in enumerate(by_size) if name not in fewest)
    return Found(
        f"{few:.1f} % on average with few images, {many:.1f} % with more; "
        f"the {leading} greatest of {len(changes)} are with few",
        "the text's relative changes",
        holds=few > many,
    )
