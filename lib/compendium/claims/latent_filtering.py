"""Checks of the paper on filtering synthesised images in latent space."""

import re
from functools import cache

import numpy as np
import pandas as pd

from compendium import latent, statistics
from compendium.claims.checks import Case, check, series, shortfall, source_of
from compendium.claims.rules import Found

FULL = {"vae_widths": [512, 1024, 400, 100]}  # of the autoencoder, Tables 1 and 2
CLASSIFIER = "its classifier"
DATA = {"MNIST": "mnist", "CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
IMAGES = (5, 10, 20, 100)


def _condition(case: Case, name: str) -> tuple[str, int]:
    """Return the data set and the images a class that a row of Table 3 is about."""
    return re.match(r"(?:relative change )?(\S+) (\d+)/class", case.claims[name].quantity).groups()


def _level(case: Case) -> str:
    name, images = _condition(case, case.claim.id)
    return f"{DATA[name]}, {images} a class"


def _row(case: Case, condition: tuple[str, str], column: str) -> str:
    """Return the id of Table 3's value for a condition: augmented images, accuracy before ..."""
    wanted = f"{condition[0]} {condition[1]}/class {column}"
    return next(name for name, claim in case.claims.items() if claim.quantity == wanted)


@cache
def _autoencoder() -> object:
    from compendium.models import vae

    return vae((28, 28, 1))


@check("computed")
def vae_layer(case: Case, *, part: str, layer: int) -> Found:
    """Output shape and parameters of a layer of the encoder or decoder, from 0, at the paper's widths."""
    one = _autoencoder().get_layer(part).layers[layer]
    output = one.output[0] if isinstance(one.output, list) else one.output
    shape = "x".join(map(str, output.shape[1:]))
    how = f"`vae` built with the defaults, layer {layer} of the {part} (`{type(one).__name__}`) counted"
    return Found({"output": shape, "parameters": one.count_params()}, how)


@check("computed")
def vae_total(case: Case, *, part: str, layers: int) -> Found:
    """Parameters of the first so many layers of the encoder or decoder, at the paper's widths."""
    counted = _autoencoder().get_layer(part).layers[:layers]
    return Found(
        sum(one.count_params() for one in counted),
        f"`vae` built with the defaults, {layers} layers of the {part}",
    )


@check("consistency")
def output_layer(case: Case, *, last: str, first: str) -> Found:
    """Whether the decoder's last printed shape is that of the encoder's input."""
    ends, begins = (case.published(name)["output"] for name in (last, first))
    return Found(
        "missing" if ends != begins else "printed", f"Table 2 ends with {ends}, an image is {begins}"
    )


@check("consistency")
def same_autoencoder(case: Case, *, first: str) -> Found:
    """Whether the printed network takes the images of all three data sets."""
    taken = case.published(first)["output"]
    return Found(
        f"Table 1 takes {taken}; images of CIFAR-10 and CIFAR-100 are 32x32x3",
        f"{first} beside the shape of CIFAR's images",
        holds=taken == "32x32x3",
    )


@check("arithmetic")
def multiple_of_originals(case: Case) -> Found:
    """The number of synthesised images is a whole multiple of the number of originals."""
    name, images = _condition(case, case.claim.id)
    originals = (100 if name == "CIFAR-100" else 10) * int(images)
    for_each = round(case.claim.value / originals)
    return Found(for_each * originals, f"{for_each} for each of {originals:,} originals")


@check("recorded")
def qualified(case: Case) -> Found:
    """How many synthesised images our spheres keep, of as many as the paper synthesised."""
    record = case.run()
    chosen = {"quantity": "share kept", "method": "synthesised", "level": _level(case)}
    made = case.published(_row(case, _condition(case, case.claim.id), "augmented images"))
    kept = series(record, chosen) * made
    how = f"share of the synthesised images in the spheres, mean over {len(kept)} draws, of {made:,.0f}; "
    return Found(
        float(kept.mean()),
        how + source_of(record),
        runs=kept.tolist(),
        short=shortfall(record, {"synthesised_limit": made, **FULL}),
    )


@check("recorded")
def accuracy(case: Case, *, arm: str) -> Found:
    """Accuracy of our classifier with the images of an arm, in per cent.

    After filtering it is also asked whether it rose or fell as the paper's did, paired over draws.
    """
    record, holds = case.run(), None
    after, before = (
        100 * series(record, {"quantity": "accuracy", "method": method, "level": _level(case)})
        for method in (arm, "originals only")
    )
    if arm != "originals only":
        compared = statistics.paired_comparison(after, before)
        rises = case.claim.value > case.published(
            _row(case, _condition(case, case.claim.id), "accuracy before")
        )
        holds = None if compared.below_zero is None else compared.below_zero != rises
    how = f"accuracy of “{arm}”, mean over {len(after)} draws, {source_of(record)}"
    return Found(float(after.mean()), how, runs=after.tolist(), holds=holds, left_out=CLASSIFIER)


@check("recorded")
def arms(case: Case, *, rival: str, data: str | None = None) -> Found:
    """Whether the qualified images are ahead of a rival arm, paired over the draws of all conditions."""
    record = case.run()
    levels = [f"{name}, {n} a class" for name in DATA.values() for n in IMAGES if data in (None, name)]
    ours, theirs = (
        pd.concat(
            [
                100 * series(record, {"quantity": "accuracy", "method": method, "level": level})
                for level in levels
            ]
        )
        for method in ("+ qualified", rival)
    )
    compared = statistics.paired_comparison(ours.to_numpy(), theirs.to_numpy())
    holds = None if compared.below_zero is None else not compared.below_zero
    return Found(
        f"“+ qualified” minus “{rival}” {compared.difference:+.2f} points"
        f" ({compared.low:+.2f} to {compared.high:+.2f}), {compared.pairs} draws",
        f"paired differences of accuracy, {source_of(record)}",
        holds=holds,
        left_out=CLASSIFIER,
        lacks="the interval holds zero: more draws are needed" if holds is None else None,
    )


@check("computed")
def share_in_sphere(case: Case) -> Found:
    """What share of a class's points the sphere of their 95th percentile holds."""
    rng, shares = np.random.default_rng(0), {}
    for number in IMAGES:
        cloud = rng.standard_normal((number, 100))
        shares[number] = latent.enclosing_sphere(cloud, 0.95).holds(cloud).mean()
    described = ", ".join(f"{share:.0%} of {number}" for number, share in shares.items())
    return Found(
        f"the sphere holds {described} points",
        "spheres round points of a normal distribution, 95th percentile of the distances from their mean",
        holds=all(np.isclose(share, 0.95) for share in shares.values()),
    )


@check("recorded")
def threshold(case: Case) -> Found:
    """Whether a sphere for 95 % of the originals keeps other shares of new images of its class."""
    record = case.run()
    shares = {
        level: series(
            record, {"quantity": "share kept", "method": "test images, own class", "level": level}
        ).mean()
        for level in (f"{name}, {n} a class" for name in DATA.values() for n in IMAGES)
    }
    least, most = min(shares, key=shares.get), max(shares, key=shares.get)
    return Found(
        f"of new images of the class it keeps {shares[least]:.0%} ({least}) to {shares[most]:.0%} ({most})",
        f"share of test images in the sphere of their class, {source_of(record)}",
        holds=bool(shares[most] - shares[least] > 0.1),
        short=shortfall(record, FULL),
    )


@check("arithmetic")
def relative_change(case: Case, *, condition: str | None = None, fall: bool = False) -> Found:
    """Relative change of the accuracies in Table 3, in per cent; with `fall`, how far they fall."""
    place = tuple(condition.split(" ")) if condition else _condition(case, case.claim.id)
    before, after = (
        float(case.published(_row(case, place, f"accuracy {when}"))) for when in ("before", "after")
    )
    change = 100 * (after / before - 1)
    return Found(-change if fall else change, f"from {before} to {after} %")


def _changes(case: Case) -> dict[str, dict[str, float]]:
    """Return the printed relative changes, by data set and images a class."""
    rows = [name for name, claim in case.claims.items() if claim.quantity.startswith("relative change")]
    changes: dict[str, dict[str, float]] = {}
    for name in rows:
        data, images = _condition(case, name)
        changes.setdefault(data, {})[images] = float(case.published(name))
    return changes


@check("consistency")
def all_improve(case: Case, *, data: list) -> Found:
    """Whether every printed change of these data sets is an improvement."""
    changes = {f"{name} {n}": value for name in data for n, value in _changes(case)[name].items()}
    worse = [f"{name} a class: {value} %" for name, value in changes.items() if value <= 0]
    return Found(
        f"{len(changes) - len(worse)} of {len(changes)} improve; " + "; ".join(worse),
        "the text's relative changes",
        holds=not worse,
    )


@check("consistency")
def largest_with_fewest(case: Case) -> Found:
    """Whether each data set's largest printed change is that with the fewest images."""
    largest = {name: max(changes, key=changes.get) for name, changes in _changes(case).items()}
    described = ", ".join(f"{name} with {images} a class" for name, images in largest.items())
    return Found(
        f"the largest changes: {described}",
        "the text's relative changes",
        holds=all(images == "5" for images in largest.values()),
    )


@check("consistency")
def cited_for_another_subject(case: Case, *, subject: str, title: str) -> Found:
    """Whether no word of the `subject` that the text cites a work for stands in its `title` as printed.

    Words of up to three letters are left out, and endings: "image" is in "images".
    """
    words = [word for word in re.findall(r"[a-z]+", subject.lower()) if len(word) > 3]
    common = [word for word in words if word.rstrip("s") in title.lower()]
    found = f"in common: {', '.join(common)}" if common else "no word in common"
    return Found(
        f"cited for “{subject}”; its title in the list of references is “{title}”: {found}",
        "the text of section 1 beside the list of references; the works themselves were not read",
        holds=not common,
    )


@check("consistency")
def accuracies_before(case: Case, *, data: str) -> Found:
    """The accuracies before filtering that Table 3 prints for a data set, from the fewest images on."""
    printed = [str(case.published(_row(case, (data, str(number)), "accuracy before"))) for number in IMAGES]
    return Found(", ".join(printed), "Table 3; not always: the last is below the one before it")
