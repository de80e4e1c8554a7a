"""The chapter on depth and latent size: its kept trainings, its comparisons, tables and figures.

A table of trainings has a row for each epoch of a network, as `training.fit` gives them, with `family`,
`network` and `seed`; the row of the last epoch also has the numbers that were measured of the final network.
A table of numbers has the columns of a record (`results.write`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from sklearn.base import ClassifierMixin

from compendium import metrics, outcomes, plots, results, statistics, training
from compendium.models import dae

DEPTHS, LATENTS = (5, 3, 1), (13, 8, 5)
"""The report's convolutions in the encoder and sides of the latent; those said to be better come first."""

CURVES = ["epoch", "loss", "val_loss", "seconds", "family", "network", "seed"]
"""Columns of a learning curve in the record."""

STARTS = {
    "pytorch": "PyTorch",
    "pytorch, bias": "PyTorch, bias",
    "he_uniform": "He",
    "he_uniform, bias": "He, bias",
}
"""What a page calls the starts of the weights."""

Options = Mapping[str, object]
"""Arguments of `dae`."""

Train = Callable[[Options, int, Path], tuple[keras.Model, pd.DataFrame]]
"""`train(options, seed, checkpoint)` gives a trained network and its learning curve."""

Measures = Mapping[str, Callable[[keras.Model], float]]
"""For each quantity, how it is measured of a network."""


# the networks


def name_of(depth: int, latent: int) -> str:
    """The report's name of a network, such as DAE_5_13."""
    return f"DAE_{depth}_{latent}"


def nine_networks() -> dict[str, dict[str, int]]:
    """The report's networks by name: `depth` and `latent` of each, in the order of its Table 1."""
    return {
        name_of(depth, latent): {"depth": depth, "latent": latent}
        for depth, latent in product(DEPTHS, LATENTS)
    }


def table_of_networks(width: int, count: Callable[..., int]) -> pd.DataFrame:
    """The report's Table 1 with what it lacks: one row per network.

    width: channels between image and latent. count: `count(depth=, latent=)`, parameters counted by hand.
    """

    def row(depth: int, latent: int) -> dict[str, object]:
        network = dae(depth, latent, width=width)
        side, _, channels = network.get_layer("latent").output.shape[1:]
        return {
            "latent": f"{channels} × {side} × {side}",
            "numbers": channels * side**2,
            "kept, %": round(100 * channels * side**2 / 28**2, 2),
            "layers": len(network.layers),
            "parameters": network.count_params(),
            "by hand": count(depth=depth, latent=latent),
        }

    table = pd.DataFrame({name: row(**which) for name, which in nine_networks().items()}).T
    table.insert(3, "report, %", [86.22, 32.65, 12.76] * len(DEPTHS))
    return table.rename_axis("network")


def matched_options(depth: int, latent: int, wanted: int, count: Callable[..., int]) -> dict[str, int]:
    """The width of a network, or at depth 1 the padding, that brings it closest to `wanted` parameters.

    count: `count(depth=, latent=, width=)` or `count(depth=, latent=, padding=)`.
    """
    option = "padding" if depth == 1 else "width"

    def distance(value: int) -> int:
        return abs(count(depth=depth, latent=latent, **{option: value}) - wanted)

    return {option: min(range(1, 100), key=distance)}


def table_of_matched(matched: Mapping[str, Options], count: Callable[..., int]) -> pd.DataFrame:
    """What was changed for nearly equal numbers of parameters, one row per network."""
    rows = {name: {**options, "parameters": count(**options)} for name, options in matched.items()}
    table = pd.DataFrame(rows).T.reindex(columns=["width", "padding", "parameters"])
    return results.rounded(table.astype(float).rename_axis("network"), 0)


# what is measured


@dataclass(frozen=True)
class Images:
    """Images of a run, float32 `(n, 28, 28, 1)` in [0, 1], and the classes `(n,)` of two parts.

    fresh_train: the training images with noise that no training has seen.
    """

    train: np.ndarray
    fresh_train: np.ndarray
    train_labels: np.ndarray
    validation: np.ndarray
    noisy_validation: np.ndarray
    test: np.ndarray
    noisy_test: np.ndarray
    test_labels: np.ndarray


def error(reference: np.ndarray, image: np.ndarray) -> float:
    """Mean over the images of the mean squared error over the pixels."""
    return float(metrics.mse(reference, image).mean())


def variation(outputs: np.ndarray, clean: np.ndarray) -> float:
    """Variance of outputs over the images, summed over the pixels, as a share of the clean images'."""
    return float(outputs.var(axis=0).sum() / clean.var(axis=0).sum())


def flat(images: np.ndarray) -> np.ndarray:
    """Images as rows `(n, values)`, as a classifier of scikit-learn takes them."""
    return images.reshape(len(images), -1)


def output_measures(
    images: Images, classes: int, judge: ClassifierMixin
) -> dict[str, Callable[[np.ndarray], float]]:
    """For each quantity, how it is measured of the reconstructions of the noisy test images.

    classes: their number. judge: a classifier of images as `flat` has them, whose accuracy is measured.
    """
    class_means = np.stack(
        [images.train[images.train_labels == label].mean(axis=0) for label in range(classes)]
    )
    mean_digit = np.broadcast_to(images.train.mean(axis=0), images.test.shape)
    return {
        "test MSE": lambda outputs: error(images.test, outputs),
        "variation kept": lambda outputs: variation(outputs, images.test),
        "distance to the mean digit": lambda outputs: error(mean_digit, outputs),
        "distance to the mean of its class": lambda outputs: error(class_means[images.test_labels], outputs),
        "accuracy": lambda outputs: float(judge.score(flat(outputs), images.test_labels)),
    }


def network_measures(images: Images, of_outputs: Mapping[str, Callable[[np.ndarray], float]]) -> Measures:
    """For each quantity, how it is measured of a network: `of_outputs`, and what needs other images."""

    @lru_cache(maxsize=1)
    def outputs(network: keras.Model) -> np.ndarray:
        return training.predict(network, images.noisy_test)

    def of_network(measure: Callable[[np.ndarray], float]) -> Callable[[keras.Model], float]:
        return lambda network: measure(outputs(network))

    return {quantity: of_network(measure) for quantity, measure in of_outputs.items()} | {
        "training MSE": lambda network: error(images.train, training.predict(network, images.fresh_train)),
        "validation MSE": lambda network: error(
            images.validation, training.predict(network, images.noisy_validation)
        ),
    }


# the trainings, which are kept


@dataclass(frozen=True)
class Trainings:
    """The trainings of a run: each leaves its curve and its numbers as a part of the run, and is made once.

    folder: the run's. conditions: all that decides the trainings alike, data included. train: trains one.
    """

    folder: Path
    conditions: Mapping[str, object]
    train: Train

    def table(
        self,
        family: str,
        networks: Mapping[str, Options],
        seeds: Sequence[int],
        measures: Measures,
        shown: int | None = None,
    ) -> pd.DataFrame:
        """Return the table of all trainings of a family: every network with every seed.

        Args:
            family: names the files, together with network and seed.
            networks: options of each, by its name.
            seeds: of the first weights, the order of the images and the noise.
            measures: what is measured of each network after its last epoch.
            shown: a seed whose networks `network` will be asked for.
        """
        columns = [*CURVES, *measures]
        tables = [
            self._kept(family, name, options, seed, measures, shown=seed == shown)
            for seed, (name, options) in product(seeds, networks.items())
        ]
        return pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)

    def network(self, family: str, name: str, options: Options, seed: int) -> keras.Model:
        """Return a trained network, whose weights are in `NAME.weights.h5` from then on."""
        network, _ = self._trained(family, name, options, seed, shown=True)
        network.save_weights(self.folder / f"{name}.weights.h5")
        return network

    def identity(self, options: Options, seed: int, quantities: Collection[str]) -> dict[str, object]:
        """Return all that decides the numbers of one training's part."""
        return {
            **self.conditions,
            "network": dict(options),
            "network seed": seed,
            "quantities": sorted(quantities),
        }

    def part(self, family: str, name: str, seed: int) -> Path:
        """Return the file of one training's part."""
        return self.folder / f"{family}-{name}-{seed}.json"

    def _kept(
        self, family: str, name: str, options: Options, seed: int, measures: Measures, *, shown: bool
    ) -> pd.DataFrame:
        def compute() -> pd.DataFrame:
            network, curve = self._trained(family, name, options, seed, shown=shown)
            diverged = not np.isfinite(curve[["loss", "val_loss"]]).all(
                axis=None
            )  # its outputs are no images
            found = {name: np.nan if diverged else measure(network) for name, measure in measures.items()}
            return training.with_numbers(curve, found)

        table = results.resumed(
            self.part(family, name, seed), self.identity(options, seed, measures), compute
        )
        numbers = table.astype(float).astype({"epoch": int})  # None, of a loss that was no number, is missing
        return numbers.assign(family=family, network=name, seed=seed)

    def _trained(
        self, family: str, name: str, options: Options, seed: int, *, shown: bool
    ) -> tuple[keras.Model, pd.DataFrame]:
        # of the networks that are not shown the numbers are kept; their checkpoints are not published
        folder = self.folder if shown else self.folder / "trainings"
        return self.train(options, seed, folder / f"{family}-{name}-{seed}.npz")


def curves(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the learning curves of tables of trainings, for the record."""
    return pd.concat([table[CURVES] for table in tables if len(table)])


# numbers


def rows(quantity: str, values: Mapping[str, float], level: str) -> pd.DataFrame:
    """Return one number of each of several methods that need no training, as rows of a record."""
    table = pd.DataFrame({"method": values.keys(), "value": values.values()})
    return table.assign(quantity=quantity, level=level, seed=None)


def numbers(table: pd.DataFrame, names: Mapping[str, str], level: str) -> pd.DataFrame:
    """Return numbers of final networks as rows of a record.

    table: of trainings. names: for a column of the table, the quantity that it is in the record.
    """
    final = table.drop_duplicates(["family", "network", "seed"], keep="last")
    long = final.melt(["network", "seed"], [*names], "quantity", "value")
    long["quantity"] = long["quantity"].map(names)
    return long.rename(columns={"network": "method"}).assign(level=level)


def joined(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return tables of numbers as one; of networks that a run leaves out there are none."""
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def by_seed(measured: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return one quantity of the networks: one row per seed, one column per network."""
    chosen = measured[(measured["quantity"] == quantity) & measured["seed"].notna()]
    table = chosen.pivot(index="seed", columns="method", values="value")
    return table[chosen["method"].unique()].rename(index=int)


def judged(
    errors: pd.DataFrame, references: Mapping[str, float], table: pd.DataFrame, level: str
) -> pd.DataFrame:
    """Return what became of each network with each seed (`outcomes.judged`).

    errors: of the networks, as `by_seed` has them. references: those of what needs no training. table: of
    the networks' trainings.
    """
    errors = errors.T
    trivial = pd.DataFrame({seed: references for seed in errors})
    curve = table[["network", "seed", "epoch", "loss", "val_loss"]]
    found = outcomes.judged(
        pd.concat([trivial, errors]),
        [*table["network"].unique()],
        curves=curve.rename(columns={"network": "method", "seed": "level"}),
    )
    return found.rename(columns={"level": "seed"}).assign(level=level)


# the comparisons


def neighbours() -> list[tuple[str, str, str]]:
    """The twelve pairs of the report's claims: what differs, the network said to be better, the other."""
    by_latent = [
        ("latent", name_of(depth, large), name_of(depth, small))
        for depth in DEPTHS
        for large, small in pairwise(LATENTS)
    ]
    by_depth = [
        ("depth", name_of(deep, latent), name_of(shallow, latent))
        for latent in LATENTS
        for deep, shallow in pairwise(DEPTHS)
    ]
    return by_latent + by_depth


def orders(errors: pd.DataFrame, compare: Callable[[pd.Series, pd.Series], dict[str, float]]) -> pd.DataFrame:
    """Compare the pairs of the two claims as far as their networks are there: one row per pair.

    errors: `by_seed`. compare: of two columns, a `statistics.Comparison` as a mapping, and `p`. Added is
    `corrected`, p after Holm's correction for all these pairs; an unknown p, of one seed, counts as 1.
    """
    pairs = [pair for pair in neighbours() if {*pair[1:]} <= {*errors}]
    index = pd.MultiIndex.from_tuples(pairs, names=["differs", "better", "worse"]) if pairs else None
    with np.errstate(all="ignore"):  # of one seed, p is 0 / 0
        found = [compare(errors[better], errors[worse]) for _, better, worse in pairs]
    columns = ["difference", "low", "high", "first_lower", "pairs", "p"]
    table = pd.DataFrame(found, index=index, columns=columns)
    return table.assign(corrected=statistics.holm(table["p"].fillna(1)))


def verdict(low: float, high: float) -> str:
    """What an interval of "better minus worse" says of an order."""
    return "holds" if high < 0 else "reversed" if low > 0 else "open"


def table_of_orders(found: pd.DataFrame) -> pd.DataFrame:
    """`orders` for a page, differences in units of 0.0001."""
    shown = found[["difference", "low", "high"]].map(lambda number: f"{1e4 * number:+z.1f}")
    interval = shown["low"] + " to " + shown["high"]
    return pd.DataFrame(
        {
            "difference": shown["difference"],
            "interval": interval.where(found["low"].notna(), ""),  # of one seed, it is unknown
            "seeds": [f"{row.first_lower:.0f} of {row.pairs:.0f}" for row in found.itertuples()],
            "order": [verdict(row.low, row.high) for row in found.itertuples()],
            "p after Holm": found["corrected"].map(lambda p: f"{p:.1g}" if p < 0.001 else f"{p:.3f}"),
        }
    )


def order_rows(found: pd.DataFrame, level: str) -> pd.DataFrame:
    """The corrected p of `orders` as rows of a record."""
    values = {f"{kind}: {better} < {worse}": p for (kind, better, worse), p in found["corrected"].items()}
    return rows("p of an order after Holm", values, level)


def costs(errors: pd.DataFrame, level: str) -> pd.DataFrame:
    """What the smallest depth and the smallest latent cost, as rows of a record, a seed each.

    The cost of depth is the rise of the error from depth 5 to depth 1, averaged over the latents; that of the
    latent is the rise from 13 to 5, averaged over the depths. errors: `by_seed`; of all nine networks, or
    else there are no rows.
    """
    if not {*nine_networks()} <= {*errors}:
        return pd.DataFrame()
    (deep, *_, shallow), (large, *_, small) = DEPTHS, LATENTS
    depth = [errors[name_of(shallow, latent)] - errors[name_of(deep, latent)] for latent in LATENTS]
    latent = [errors[name_of(depth, small)] - errors[name_of(depth, large)] for depth in DEPTHS]
    means = {"depth": sum(depth) / len(depth), "latent": sum(latent) / len(latent)}
    table = pd.DataFrame(means).reset_index().melt("seed", var_name="method")
    return table.assign(quantity="cost", level=level)


def table_of_costs(measured: pd.DataFrame) -> pd.DataFrame:
    """`costs` and their difference with 95 % intervals over seeds, in units of 0.0001; a row per level."""
    found = measured[measured["quantity"] == "cost"]
    table = {}
    for level, of_level in found.groupby("level", sort=False):
        cost = of_level.pivot(index="seed", columns="method", values="value")
        cost = cost.assign(**{"depth minus latent": cost["depth"] - cost["latent"]})
        table[level] = {name: _interval(1e4 * cost[name]) for name in cost}
    return pd.DataFrame(table).T.rename_axis("equal")


def steps(errors: pd.DataFrame) -> pd.DataFrame:
    """The rise of the error from latent 13 to latent 8: one row per seed, one column per depth.

    errors: `by_seed`; depths without both networks have no column.
    """
    large, small = LATENTS[:2]
    return pd.DataFrame(
        {
            f"depth {d}": errors[name_of(d, small)] - errors[name_of(d, large)]
            for d in DEPTHS
            if {name_of(d, large), name_of(d, small)} <= {*errors}
        }
    )


def table_of_steps(found: pd.DataFrame) -> pd.DataFrame:
    """`steps`, and depth 1 minus depth 5, with 95 % intervals over the seeds, in units of 0.0001."""
    first, last = (f"depth {depth}" for depth in (DEPTHS[0], DEPTHS[-1]))
    if {first, last} <= {*found}:
        found = found.assign(**{f"{last} minus {first}": found[last] - found[first]})
    return pd.DataFrame({"increase": {name: _interval(1e4 * found[name]) for name in found}})


def _interval(values: pd.Series) -> str:
    mean, low, high = statistics.mean_interval(values)
    return f"{mean:+z.1f}" + (f" ({low:+z.1f} to {high:+z.1f})" if np.isfinite(low) else "")


# further tables


def table_of_references(measured: pd.DataFrame, quantity: str, digits: int) -> pd.DataFrame:
    """One quantity of all that needs no training, one row per method."""
    chosen = measured[(measured["quantity"] == quantity) & measured["seed"].isna()]
    return results.rounded(chosen.set_index("method")[["value"]].set_axis([quantity], axis=1), digits)


def table_of_errors(errors: pd.DataFrame) -> pd.DataFrame:
    """Errors of the networks, mean and 95 % interval over the seeds: a row per depth, a column per latent."""
    table = pd.DataFrame()
    for name, which in nine_networks().items():
        if name in errors:
            mean, low, high = statistics.mean_interval(errors[name])
            about = f" ± {(high - low) / 2:.4f}" if np.isfinite(low) else ""  # of one seed, nothing is known
            table.loc[f"depth {which['depth']}", f"latent {which['latent']}"] = f"{mean:.4f}{about}"
    return table


def table_of_starts(measured: pd.DataFrame, quantity: str, digits: int) -> pd.DataFrame:
    """One quantity of networks of the first seed: one row per network, one column per start."""
    chosen = measured[measured["quantity"] == quantity]
    table = chosen.pivot_table(index="method", columns="level", values="value", sort=False)
    return results.rounded(table.rename(columns=STARTS).rename_axis("network"), digits)


def table_of_closeness(measured: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Variation kept and distances to the mean digit, the class's mean and the image: a row per method."""
    kinds = ["variation kept", "distance to the mean digit", "distance to the mean of its class", "test MSE"]
    table = measured[measured["method"].isin(methods)].pivot_table(
        index="method", columns="quantity", values="value", sort=False
    )
    table = results.rounded(table.reindex(methods)[kinds], 3)
    return table.rename(columns={"test MSE": "distance to the image"})


def table_of_gaps(measured: pd.DataFrame) -> pd.DataFrame:
    """Validation minus training error of the final networks, and by the curves, in units of 0.00001."""
    validation, final, running = (
        by_seed(measured, quantity)
        for quantity in ("validation MSE", "training MSE", "training loss of the last epoch")
    )
    table = {
        name: {
            "final network": _interval(1e5 * (validation[name] - final[name])),
            "in the curves": f"{1e5 * (validation[name] - running[name]).mean():+z.1f}",
        }
        for name in nine_networks()
        if name in validation
    }
    return pd.DataFrame(table).T.rename_axis("network")


def table_of_depths(measured: pd.DataFrame) -> pd.DataFrame:
    """Networks of growing depth with two kinds of kernels: errors, variation, and networks without any."""
    chosen = measured[measured["quantity"].str.endswith(", deeper")]
    chosen = chosen.assign(
        quantity=chosen["quantity"].str.removesuffix(", deeper"),
        depth=chosen["method"].str.split("_").str[1].astype(int),
    )
    table = chosen.pivot_table(index=["level", "depth"], columns="quantity", values="value").sort_index()
    table = results.rounded(table, {"training MSE": 4, "test MSE": 4, "variation kept": 2})
    kept = chosen[chosen["quantity"] == "variation kept"].groupby(["level", "depth"])["value"]
    table["blank"] = kept.apply(lambda values: f"{(values < 0.01).sum()} of {len(values)}")
    columns = ["training MSE", "test MSE", "variation kept", "blank"]
    return table.rename(STARTS, level="level").rename_axis(["kernels", "depth"]).reindex(columns=columns)


# the figures


def draw_curves(table: pd.DataFrame) -> Figure:
    """Draw training and validation loss over the epochs, means over the seeds, a panel a depth."""
    long = table.melt(["network", "seed", "epoch"], ["loss", "val_loss"], "images")
    long["images"] = long["images"].map({"loss": "training", "val_loss": "validation"})
    long["latent"] = long["network"].str.split("_").str[-1]
    long["depth"] = long["network"].str.split("_").str[1]
    panels = list(long.groupby("depth", sort=False))
    size = {"figsize": (7, 3.2), "squeeze": False, "layout": "constrained"}
    figure, axes = plt.subplots(1, len(panels), sharey=True, **size)
    for (depth, of_depth), axis in zip(panels, axes[0], strict=True):
        last = axis is axes[0, -1]
        how = {"x": "epoch", "y": "value", "hue": "latent", "style": "images", "errorbar": None}
        sns.lineplot(of_depth, **how, ax=axis, legend=last)
        axis.set(title=f"depth {depth}", ylabel="loss (MSE)", yscale="log")
        plots.decimal_ticks(axis.yaxis)
    axes[0, -1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_errors(errors: pd.DataFrame, references: Mapping[str, float]) -> Figure:
    """Draw the test errors of the networks as bars, mean and range over the seeds, a group a latent.

    errors: `by_seed`. references: errors that are drawn as lines, by name.
    """
    long = errors.melt(var_name="method")
    shape = long["method"].str.extract(r"DAE_(?P<depth>.+)_(?P<latent>.+)")
    long = long.assign(depth="depth " + shape["depth"], latent=shape["latent"])
    figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
    sns.barplot(long, x="latent", y="value", hue="depth", errorbar=("pi", 100), ax=axis)
    for (name, value), style in zip(references.items(), (":", "--", "-."), strict=False):
        axis.axhline(value, linestyle=style, color="black", label=name)
    axis.set(ylabel="test MSE")
    plots.one_legend(figure, columns=3, place="outside lower center")
    return figure
