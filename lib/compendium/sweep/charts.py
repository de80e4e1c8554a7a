"""The charts of a sweep: a quantity over a swept parameter, a dot per run."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, inf, log
from textwrap import wrap
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from compendium import metrics, plots, standalone
from compendium.outcomes import COLLAPSED, DIVERGED, LEARNT
from compendium.plots import Look
from compendium.standalone import Picture
from compendium.statistics import Interval, mean_interval
from compendium.sweep.table import OUTCOMES, SEED_IN_RUN

LEAST_FOR_INTERVAL = 3  # runs
MOST_TICKS = 6
WIDTH = 7.4  # inches
METHOD = "method"  # the axis where there is none to draw over: only the seed is swept
ROUNDING = 1e-6  # relative: what differs less is equal
# what stands at the upper edge for a run without a number, and how high
_LOST = {LEARNT: "○", COLLAPSED: "◇", DIVERGED: "×"}
_EDGE = {LEARNT: 0.82, COLLAPSED: 0.9, DIVERGED: 0.98}


class Summary(NamedTuple):
    """What runs gave at one place: the mean with its interval, if any, of n numbers of `runs` runs."""

    interval: Interval
    n: int
    runs: int


def summary(quantity: str, found: pd.DataFrame) -> Summary:
    """Return the mean of some of the numbers of `samples`, and its 95 % interval within its bounds.

    There is an interval from three numbers on, unless all are equal, or some networks learnt and others did
    not: nothing lies around the mean of two heaps.
    """
    there = found["value"].dropna()
    mean, low, high = mean_interval(there)
    least, largest = metrics.bounds(quantity)
    if len(there) < LEAST_FOR_INTERVAL or found["outcome"].nunique() > 1 or _is_constant(there):
        low = high = np.nan
    # a number out of bounds shows that the name means something else here
    low, high = max(low, min(least, there.min())), min(high, max(largest, there.max()))
    return Summary(Interval(mean, low, high), len(there), len(found))


def samples(rows: pd.DataFrame, by: Sequence[str], swept: Sequence[str]) -> pd.DataFrame:
    """Return one number for each run, or, where `seed` is not swept, for each seed in a run, and its outcome.

    Whatever else a record has several numbers of at one place, they are averaged.
    """
    each = [*by, "point", *([] if "seed" in swept else [SEED_IN_RUN])]
    ranked = rows.assign(outcome=rows["outcome"].map(OUTCOMES.index, na_action="ignore").astype(float))
    found = (
        ranked.groupby(each, sort=False, dropna=False).agg({"value": "mean", "outcome": "max"}).reset_index()
    )
    return found.assign(
        outcome=found["outcome"].map(lambda rank: None if pd.isna(rank) else OUTCOMES[int(rank)])
    )


def over(
    rows: pd.DataFrame, axis: str, grid: Mapping[str, Sequence[object]], looks: Mapping[str, Look]
) -> Picture:
    """Draw one quantity over one swept parameter, or over methods: a panel for each condition.

    Conditions are the values of the other swept parameters and the levels, but for levels that each belong
    to one value of a swept parameter.

    Args:
        rows: of `table.build`, of the quantity, without those of single images.
        axis: the parameter's name, or METHOD.
        grid: all values of each swept parameter, as they are in the table.
        looks: of all methods of the sweep.
    """
    quantity = rows["quantity"].iloc[0]
    others = [name for name in grid if name not in (axis, "seed")]
    level = _shown_level(rows, [name for name in grid if name != "seed"])
    rows = rows.assign(level=level, method=rows["method"].fillna(""))
    apart = [*others, *(["level"] if level.any() else [])]
    panels = [*rows.groupby(apart, sort=False)] if apart else [((), rows)]
    columns = 1 if len(panels) == 1 else 2
    height = 3.4 if len(panels) == 1 else 2.7
    lines = ceil(len(panels) / columns)
    names = rows["method"].unique()
    of_legend = 0.6 + 0.22 * ceil(len(names) / _legend_columns(names))
    figure, places = plt.subplots(
        lines,
        columns,
        figsize=(WIDTH, height * lines + of_legend),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    networks = _measured(rows, axis, apart)
    drawn = _Drawn(quantity, axis, grid, looks, networks, set(), set())
    for (values, panel), place in zip(panels, places.flat, strict=False):
        place.set_title(_title(apart, values), fontsize="medium")
        place.set_xlabel("" if axis == METHOD else axis)
        if columns > 1:
            place.tick_params(labelsize="small")
            place.margins(x=0.1)
        _panel(place, panel, drawn)
        plots.show_decades(place, rows["value"])
    for unused in places.flat[len(panels) :]:
        unused.remove()
    for place in places[:, 0]:
        place.set_ylabel(quantity)
    _legend(figure, rows, drawn)
    return standalone.picture(figure, _words(drawn, apart if len(panels) > 1 else []))


class _Drawn(NamedTuple):
    """What the panels of a figure have in common; `methods` and `kinds` of marks are noted as drawn."""

    quantity: str
    axis: str
    grid: Mapping[str, Sequence[object]]
    looks: Mapping[str, Look]
    networks: set[str]  # the methods that get a dot per run
    methods: set[str]
    kinds: set[str]


def _shown_level(rows: pd.DataFrame, swept: Sequence[str]) -> pd.Series:
    """Return the level of each row, "" where a swept parameter's value says it."""
    level = rows["level"].fillna("")
    for name in swept:
        values = rows.groupby(level)[name].nunique()
        decided = level[level.isin(values[values == 1].index) & (level != "")]
        at_each = decided.groupby(rows[name]).nunique()
        if len(at_each) > 1 and at_each.max() == 1:
            return level.where(~level.isin(decided.unique()), "")
    return level


def _panel(place: Axes, rows: pd.DataFrame, drawn: _Drawn) -> None:
    networks = drawn.networks & {*rows[METHOD]}
    found = samples(rows, [*dict.fromkeys([drawn.axis, METHOD])], [*drawn.grid])
    all_values = [m for m in drawn.looks if m in networks] if drawn.axis == METHOD else drawn.grid[drawn.axis]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in all_values)
    at = {value: value if numeric else n for n, value in enumerate(all_values)}
    if numeric and is_logarithmic(all_values):
        place.set_xscale("log")
        place.minorticks_off()
    for method, look in drawn.looks.items():
        own = found[found[METHOD] == method]
        if not len(own):
            continue
        if method in networks:
            _network(place, own, at, look, drawn, method)
        else:
            _reference(place, own, at, look, drawn, method)
    runs = found[found[METHOD].isin(networks) if networks else slice(None)]
    counts = runs.groupby([drawn.axis, METHOD]).size().groupby(level=0).max()
    step = ceil(len(at) / MOST_TICKS) if drawn.axis != METHOD else 1
    ticked = [*at][::step]
    names = [f"{_short(value)}\nn = {counts.get(value, 0)}" for value in ticked]
    place.set_xticks([at[value] for value in ticked], names)
    if len(at) == 1 or not numeric:
        place.set_xlim(min(at.values()) - 0.6, max(at.values()) + 0.6) if not numeric else place.margins(
            x=0.3
        )


def _measured(rows: pd.DataFrame, axis: str, apart: Sequence[str]) -> set[str]:
    """Return the methods that get a dot per run: networks, or where records do not say, what varies."""
    networks = {*rows.loc[rows["outcome"].notna(), METHOD]}
    if networks or axis == METHOD:
        return networks or {*rows[METHOD]}
    means = rows.groupby([METHOD, *apart, axis], sort=False)["value"].mean().dropna()
    constant = means.groupby(level=[METHOD, *apart], sort=False).agg(_is_constant).groupby(level=METHOD).all()
    return {*constant.index[~constant]}


def _is_constant(values: pd.Series) -> bool:
    values = values.dropna()
    return len(values) > 1 and np.allclose(values, values.iloc[0], rtol=ROUNDING, atol=1e-12)


def _network(
    place: Axes, own: pd.DataFrame, at: Mapping[object, float], look: Look, drawn: _Drawn, method: str
) -> None:
    """Draw a dot per run by its outcome, the means joined, and their intervals."""
    x = own[drawn.axis].map(at).astype(float)
    if own["value"].notna().any() or own["outcome"].notna().any():
        drawn.methods.add(method)
    for outcome, mark in {
        LEARNT: {"marker": look.marker, "alpha": 0.6, "markersize": 5},
        COLLAPSED: {"marker": "D", "fillstyle": "none", "markersize": 7, "markeredgewidth": 1.6},
        DIVERGED: {"marker": "x", "markersize": 8, "markeredgewidth": 2},
    }.items():
        chosen = own["outcome"].fillna(LEARNT) == outcome
        there = chosen & own["value"].notna()
        if there.any():
            name = method if outcome == LEARNT else f"{method}, {outcome}".removeprefix(", ")
            place.plot(x[there], own["value"][there], linestyle="None", color=look.colour, label=name, **mark)
        lost = x[chosen & own["value"].isna() & own["outcome"].notna()]
        for at_x, number in lost.value_counts().items():
            drawn.kinds.add("lost")
            many = f" {number}" if number > 1 else ""
            place.text(
                *(at_x, _EDGE[outcome], f"{_LOST[outcome]}{many}"),
                **{"transform": place.get_xaxis_transform(), "color": look.colour, "fontsize": "large"},
                **{"ha": "center", "va": "top", "fontweight": "bold"},
            )
        if len(lost) or there.any():
            drawn.kinds.add(outcome)
    means = pd.DataFrame(
        [
            (at[value], *found.interval)
            for value, one in own.groupby(drawn.axis, sort=False)
            if (found := summary(drawn.quantity, one)).n
        ],
        columns=["x", "mean", "low", "high"],
    ).sort_values("x")
    if not len(means):
        return
    if means["low"].notna().any():
        drawn.kinds.add("interval")
    ends = [means["mean"] - means["low"], means["high"] - means["mean"]]
    joined = "None" if drawn.axis == METHOD else "-"
    look_of_mean = {"color": look.colour, "linestyle": joined, "marker": "_", "markersize": 14}
    line, *_ = place.errorbar(
        means["x"], means["mean"], ends, **look_of_mean, markeredgewidth=2, linewidth=1.6
    )
    line.set_label(f"{method}, mean".removeprefix(", "))


def _reference(
    place: Axes, own: pd.DataFrame, at: Mapping[object, float], look: Look, drawn: _Drawn, method: str
) -> None:
    """Draw what the network stands beside: a line across where the swept value does not change it."""
    means = own.groupby(drawn.axis, sort=False)["value"].mean().dropna()
    if means.empty:
        return
    drawn.methods.add(method)
    line = {
        "color": look.colour,
        "linestyle": (0, look.dashes),
        "linewidth": 1.4,
        "zorder": 1,
        "label": method,
    }
    if drawn.axis == METHOD or _is_constant(means) or len(at) == 1:
        place.axhline(means.mean(), **line)
    else:
        points = sorted((at[value], mean) for value, mean in means.items())
        place.plot(*zip(*points, strict=True), **line)


def _legend(figure: plt.Figure, rows: pd.DataFrame, drawn: _Drawn) -> None:
    """Name what is drawn: networks first, then the references from the highest to the lowest."""
    means = rows.groupby(METHOD)["value"].mean()
    networks = [method for method in drawn.looks if method in drawn.methods & drawn.networks]
    references = sorted(drawn.methods - drawn.networks, key=lambda method: -means[method])
    handles = [
        Line2D([], [], color=drawn.looks[m].colour, marker=drawn.looks[m].marker, label=m or drawn.quantity)
        for m in networks
    ]
    grey = {"color": "0.2", "linestyle": "None"}
    if COLLAPSED in drawn.kinds:
        handles.append(
            Line2D(
                [],
                [],
                marker="D",
                fillstyle="none",
                markeredgewidth=1.6,
                markersize=7,
                label="collapsed",
                **grey,
            )
        )
    if DIVERGED in drawn.kinds:
        handles.append(Line2D([], [], marker="x", markeredgewidth=2, markersize=7, label="diverged", **grey))
    handles += [
        Line2D([], [], color=drawn.looks[m].colour, linestyle=(0, drawn.looks[m].dashes), label=m)
        for m in references
    ]
    if any(handle.get_label() for handle in handles):
        figure.legend(
            handles=handles,
            loc="outside lower center",
            fontsize="small",
            ncols=_legend_columns(handle.get_label() for handle in handles),
        )


def _legend_columns(names: Iterable[str]) -> int:
    """Return how many columns of names have their place below a figure."""
    return max(1, min(4, 76 // (max(map(len, names)) + 8)))


def _words(drawn: _Drawn, apart: Sequence[str]) -> str:
    """Return the caption: what is shown, and what each kind of mark means that is there."""
    what = "of each method" if drawn.axis == METHOD else f"over {drawn.axis}"
    each = f", with one panel per {' and '.join(apart)}" if apart else ""
    unit = "run" if "seed" in drawn.grid else "run, or a seed in it"
    parts = [f"{drawn.quantity} {what}{each}. A dot is a {unit}, and n is the number of dots"]
    parts.append("the short bar is their mean" if drawn.axis == METHOD else "the line joins their means")
    if "interval" in drawn.kinds:
        least, largest = metrics.bounds(drawn.quantity)
        within = "" if (least, largest) == (-inf, inf) else ", cut where the quantity ends"
        parts.append(
            f"upright bars are 95 % intervals, for {LEAST_FOR_INTERVAL} runs or more of one outcome{within}"
        )
    if COLLAPSED in drawn.kinds:
        parts.append(
            "open diamonds are collapsed networks, no better than the best prediction without training"
        )
    if DIVERGED in drawn.kinds:
        parts.append("crosses are diverged networks, whose loss stopped being a number")
    if "lost" in drawn.kinds:
        parts.append("marks at the upper edge have no number here")
    if drawn.methods - drawn.networks:
        parts.append("dashed lines are methods that need no training")
    return "; ".join(parts) + "."


def is_logarithmic(values: Sequence[float]) -> bool:
    """Whether numbers are spaced more evenly by their logarithms, as 0.001, 0.01, 0.1 or 1, 2, 4 are."""
    ordered = sorted({*values})
    if len(ordered) < 2 or ordered[0] <= 0:
        return False
    if len(ordered) == 2:
        return ordered[1] >= 10 * ordered[0]

    def unevenness(numbers: list[float]) -> float:
        gaps = np.diff(numbers)
        return gaps.std() / gaps.mean()

    return bool(unevenness([log(value) for value in ordered]) < unevenness(ordered))


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "\n".join(wrap(str(value), 14)) or "(none)"


def _title(names: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(
        f"{v}" if name == "level" else f"{name} = {v}"
        for name, v in zip(names, values, strict=True)
        if v != ""
    )
