"""What became of the networks of a run: each learnt, collapsed or diverged. None of these ends a run."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML
from markupsafe import Markup

from compendium.results import LEARNT

COLLAPSED, DIVERGED = "collapsed", "diverged"

TRIVIAL = ("noisy input", "black image", "mean image")
"""What a denoising network must be ahead of; see `baselines.trivial_predictions`."""


def judged(
    errors: pd.DataFrame,
    networks: Sequence[str],
    trivial: Sequence[str] = TRIVIAL,
    quantity: str = "MSE",
    curves: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what became of each network at each level, one row each.

    A network *learnt* if it is ahead of every trivial predictor. Otherwise it *diverged* if its error, or its
    training loss at some epoch, is no finite number, and else it *collapsed*.

    Args:
        errors: of a `quantity` of which less is better, one row per method (among them `networks` and
            `trivial`), one column per level.
        networks: names of the networks to judge.
        trivial: names of what they must be ahead of.
        quantity: name of the quantity.
        curves: learning curves with `epoch` and `loss`, and `method` or `level` or both as far as there are
            several; `val_loss` must be the quantity, or absent.

    Returns:
        `method`, `level`, `outcome`, `quantity`, its `value` (the network's), `predictor` (the best of the
        trivial ones) and `limit` (its value); with curves also `epoch`: the first whose loss is no finite
        number, or for a collapsed network the first from which its validation loss stayed at the limit.
    """
    rows = []
    for network in networks:
        for level in errors.columns:
            value, limits = errors.at[network, level], errors.loc[list(trivial), level]
            curve = None if curves is None else _of(curves, {"method": network, "level": level})
            finite = np.isfinite(value) and (curve is None or bool(np.isfinite(curve["loss"]).all()))
            outcome = DIVERGED if not finite else LEARNT if value < limits.min() else COLLAPSED
            rows.append(
                {
                    "method": network,
                    "level": level,
                    "outcome": outcome,
                    "epoch": None if curve is None else _since(outcome, curve, limits.min()),
                    "quantity": quantity,
                    "value": value,
                    "predictor": limits.idxmin(),
                    "limit": limits.min(),
                }
            )
    return pd.DataFrame(rows).astype({"epoch": "Int64"})


def box(judgements: pd.DataFrame) -> HTML:
    """Return what a page says of the networks: a sentence, or a box that names those that failed."""
    lines = sentences(judgements.to_dict("records"))
    if not lines:
        best = ", ".join(dict.fromkeys(judgements["predictor"]))
        return HTML(f"<p>Each network is ahead of what ignores its input; the best of that: {best}.</p>")
    listed = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return HTML(
        '<div class="admonition warning"><p class="admonition-title">Networks that did not learn</p>'
        f"<ul>{listed}</ul><p>What follows here shows a training that failed.</p></div>"
    )


def sentences(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what became of the networks that did not learn, those of several seeds together.

    rows: of `judged`, or of a record's outcomes.
    """
    failed = (row for row in rows if row["outcome"] != LEARNT)
    groups = itertools.groupby(failed, lambda row: (row["method"], row.get("level"), row["outcome"]))
    return [_sentence(*kind, [*group]) for kind, group in groups]


def _sentence(method: str, level: object, outcome: str, alike: Sequence[Mapping[str, Any]]) -> str:
    seeds = [f"{row['seed']:.0f}" for row in alike if not pd.isna(row.get("seed"))]
    of_seeds = f"with the seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" if seeds else ""
    where = " ".join(filter(None, (method, f"at {level}" if level else "", of_seeds)))
    epochs = [row["epoch"] for row in alike if not pd.isna(row.get("epoch"))]
    since = f" from epoch {_range(epochs, 'd')} on" if epochs else ""
    if outcome == DIVERGED:
        return f"{where} diverged{since}: its error or its loss is no longer a number."
    first = alike[0]
    value, limit = (_range([row[name] for row in alike], ".4f") for name in ("value", "limit"))
    return f"{where} collapsed{since}: {first['quantity']} {value} ({first['predictor']}: {limit})."


def _range(numbers: Sequence[float], digits: str) -> str:
    """Write numbers as one, or from the least to the greatest."""
    return " to ".join(dict.fromkeys(format(number, digits) for number in (min(numbers), max(numbers))))


def _of(curves: pd.DataFrame, which: Mapping[str, object]) -> pd.DataFrame:
    """Return the rows of curves that belong to a network, as far as the columns tell them apart."""
    for column, value in which.items():
        if column in curves and curves[column].notna().any():
            curves = curves[curves[column] == value]
    return curves


def _since(outcome: str, curve: pd.DataFrame, limit: float) -> int | None:
    """Return the epoch from which on a network had failed, or None."""
    if outcome == DIVERGED:
        failed = ~np.isfinite(curve["loss"])
    elif outcome == COLLAPSED and "val_loss" in curve:
        at_limit = ~(curve["val_loss"] < limit)
        failed = at_limit[::-1].cummin()[::-1]  # from there to the end
    else:
        return None
    epochs = curve["epoch"][failed]
    return int(epochs.min()) if len(epochs) else None
