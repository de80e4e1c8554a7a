"""What to use instead: what the notebook calls and does not show.

"Title" is the text that stands for a task in tables and figures.
"""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from compendium import baselines, metrics, plots, results
from compendium.errors import UsageError, unknown
from compendium.images import as_float
from compendium.leaderboard import scores
from compendium.leaderboard.denoise import Denoise
from compendium.leaderboard.networks import RECIPES, Recipe, multiply_adds
from compendium.leaderboard.scores import Scores
from compendium.leaderboard.tasks import OTHER_NOISE, TEST_SEED, Problem

Problems = Mapping[str, Problem]

TITLES: Mapping[str, str] = {
    "salt-pepper": "salt and pepper",
    "gaussian-mnist": "Gaussian, digits",
    "gaussian-cifar10": "Gaussian, photographs",
}
"""The tasks in tables and figures, by name."""

SHOWN: Mapping[str, str] = {
    "salt-pepper": "60 %",
    "gaussian-mnist": "sigma 0.5",
    "gaussian-cifar10": "sigma 25/255",
}
"""The level of each task that stands for it where there is room for one."""

EXAMPLES = 100
"""How many restored images of each method are kept, for pictures and spectra."""

SHIFTED = 1000
"""On how many test images, at most, networks are tried on noise that they were not trained on."""

REFERENCE = "linear interpolation"
"""The method that times are told as multiples of, where it is among the methods."""

AGAINST = "MSE minus that of the best method without training"
FIRST = "MSE on the images of the slow methods"
AGAINST_FIRST = f"{FIRST}, minus that of the best other without training"
COST = "parameters", "multiply-adds"
ENDS = "MSE, low end", "MSE, high end"
SHIFT = "MSE on another noise"
POWER = "power kept"
ACCURACY = "accuracy of a classifier"
BOARD: Mapping[str, int] = {"MSE": 5, "PSNR": 2, "SSIM": 3, ACCURACY: 3, "milliseconds per image": 2}
"""The measures that the page of the leaderboard shows, with their digits."""

DEFINITIONS: Mapping[str, str] = {
    **{name: text for name, text in scores.DEFINITIONS.items() if name != scores.DIFFERENCE},
    AGAINST: "Mean difference of their errors over images, its 95 % interval from low to high, and the p "
    "value of the paired t test with Holm's correction over the networks and levels of a task.",
    FIRST: "Mean squared error over the first test images, as many as the parameter slow_images says.",
    AGAINST_FIRST: "As above, on these images; Holm's correction is over the methods and levels of a task.",
    **dict.fromkeys(ENDS, "End of the 95 % interval of the MSE over test images."),
    "parameters": "Weights and biases of a network that are trained.",
    "multiply-adds": "Multiplications with additions of its convolutions and dense layers for one image.",
    SHIFT: f"MSE over the first test images, {SHIFTED} at most, with the noise that stands as level.",
    POWER: f"Mean radial power over that of the clean images, of the first {EXAMPLES} test images at most.",
    ACCURACY: "Share of restored test images that a network trained on clean images puts into their class.",
}
"""How the numbers of a record are computed."""


def title(task: str, level: str) -> str:
    """Return how a task at a level is called in the record and in figures."""
    return f"{TITLES[task]}, {level}"


def recipes(task: str, names: Sequence[str]) -> list[Recipe]:
    """Return the networks of a task that have these names, in their order.

    Raises UsageError for an unknown one, and where there is none.
    """
    known = {recipe.name: recipe for recipe in RECIPES[task]}
    if not names:
        raise UsageError(f"{TITLES[task]}: no network; name at least one of {', '.join(known)}")
    for name in names:
        if name not in known:
            raise unknown(f"network for {TITLES[task]}", name, known)
    return [known[name] for name in names]


def titled(scored: Mapping[str, Scores]) -> pd.DataFrame:
    """Return all means, and the intervals of the MSE, as rows of a record, with titles as levels."""
    tables = []
    for task, of_task in scored.items():
        tables.append(_titled(task, of_task.rows()))
        for level in of_task.errors:
            ends = of_task.board(level)[["low", "high"]].set_axis([*ENDS], axis=1).rename_axis("method")
            rows = ends.reset_index().melt("method", var_name="quantity").dropna(subset="value")
            tables.append(rows.assign(level=title(task, level)))
    return pd.concat(tables, ignore_index=True)


def errors(scored: Scores) -> pd.DataFrame:
    """Return the MSE of all methods as text, one column per level; networks come with a star."""
    table = pd.DataFrame({level: scored.board(level)["MSE"] for level in scored.errors})
    table = table.sort_values(table.columns[0])
    starred = {name: f"{name} *" for name in scored.trained}
    return results.rounded(table, 5).rename(index=starred)


def against(scored: Scores) -> pd.DataFrame:
    """Compare each network with the best method without training at each level, image by image.

    Columns as of `Scores.comparisons`.
    """
    pairs = [
        (level, name, scored.best_untrained(level)) for level in scored.errors for name in scored.trained
    ]
    return scored.comparisons(pairs)


def best(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `against` with the lowest difference at each level as text."""
    # a network that diverged has no difference, and comes last
    rows = compared.sort_values("difference", kind="stable").drop_duplicates("level").sort_index()
    names = rows[["method", "other"]].set_axis(["network", "without training"], axis=1)
    digits = {"difference": 5, "low": 5, "high": 5, "ahead, % of images": 1}
    table = pd.concat([names, results.rounded(rows[[*digits]], digits)], axis=1)
    return table.set_index(rows["level"]).rename_axis(None)


def against_rows(task: str, compared: pd.DataFrame, quantity: str = AGAINST) -> pd.DataFrame:
    """Return the numbers of a comparison as rows of a record; the method is the first one and the column."""
    table = compared.drop(columns="other").melt(["level", "method"], var_name="column")
    table["method"] = table["method"] + ", " + table.pop("column")
    return _titled(task, table.dropna(subset="value").assign(quantity=quantity))


def parts(scored: Scores, methods: Sequence[str]) -> pd.DataFrame:
    """Return the MSE on altered and on intact pixels as text: one column per level and kind of pixel."""
    columns = {}
    for level in scored.errors:
        for kind in ("altered", "intact"):
            columns[level, kind] = scored.board(level)[f"MSE of {kind} pixels"]
    return results.rounded(pd.DataFrame(columns).loc[[*methods]], 5)


def on_first(scored: Mapping[str, Scores], slow: Mapping[str, Scores]) -> pd.DataFrame:
    """Return the MSE of all methods on the images that slow ones restored: rows of a record."""
    rows = [
        {"quantity": FIRST, "method": name, "level": title(task, level), "value": errors.mean()}
        for task, patient in slow.items()
        for level, of_level in scored[task].joined(patient).errors.items()
        for name, errors in of_level.items()
    ]
    return pd.DataFrame(rows, columns=["quantity", "method", "level", "value"])


def slow_table(scored: Mapping[str, Scores], slow: Mapping[str, Scores]) -> pd.DataFrame:
    """Return `on_first` as text: the slow methods, and the best of the others with and without training."""
    errors = on_first(scored, slow).pivot_table("value", "level", "method", sort=False).rename_axis(None)
    patient = dict.fromkeys(name for of in slow.values() for each in of.errors.values() for name in each)
    trained = {name for of_task in scored.values() for name in of_task.trained}
    table = results.rounded(errors[[*patient]], 5)
    for heading, names in (
        ("best other without training", errors.columns.difference([*patient, *trained])),
        ("best network", errors.columns.intersection([*trained])),
    ):
        best = errors[names].min(axis=1).map("{:.5f}".format) + ", " + errors[names].idxmin(axis=1)
        table[heading] = best
    return table.rename_axis(columns=None)


def against_slow(scored: Mapping[str, Scores], slow: Mapping[str, Scores]) -> dict[str, pd.DataFrame]:
    """Compare each slow method with the best other one without training, on the images that it restored.

    By task; columns as of `Scores.comparisons`.
    """
    compared = {}
    for task, patient in slow.items():
        both = scored[task].joined(patient)
        pairs = []
        for level, of_level in patient.errors.items():
            others = scored[task].errors[level].keys() - {*both.trained}
            best = min(others, key=lambda name, level=level: both.errors[level][name].mean())
            pairs += [(level, name, best) for name in of_level]
        if pairs:
            compared[task] = both.comparisons(pairs)
    return compared


def costs(scored: Scores, networks: Iterable[Recipe], shape: tuple[int, int, int]) -> pd.DataFrame:
    """Return what each method costs, means over the levels; NaN where a method has no such number.

    Columns: `COST`, "milliseconds per image" and "training seconds".
    """
    times = scored.means.groupby("method", sort=False)[["milliseconds per image", "training seconds"]].mean()
    built = {recipe.name: recipe.build(shape) for recipe in networks}
    counts = {name: (one.count_params(), multiply_adds(one)) for name, one in built.items()}
    found = pd.DataFrame.from_dict(counts, orient="index", columns=[*COST])
    return found.reindex(times.index).join(times).rename_axis(None)


def cost_rows(task: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return parameters and multiply-adds of networks as rows of a record."""
    rows = table[[*COST]].rename_axis("method").reset_index().melt("method", var_name="quantity")
    return rows.dropna(subset="value").assign(level=TITLES[task])


def cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return `costs` of networks as text: times as multiples of interpolation's, training in minutes."""
    networks = table.dropna(subset="parameters")
    shown = pd.DataFrame(
        {
            "parameters": networks["parameters"].map("{:,.0f}".format),
            "million multiply-adds": (networks["multiply-adds"] / 1e6).map("{:.1f}".format),
            "minutes to train": (networks["training seconds"] / 60).map("{:.1f}".format),
        }
    )
    if REFERENCE in table.index:
        ratio = networks["milliseconds per image"] / table.loc[REFERENCE, "milliseconds per image"]
        shown["time to restore, of interpolation's"] = ratio.map("{:.2f}".format)
    return shown


def cost_and_error(scored: Mapping[str, Scores], levels: Mapping[str, str]) -> Figure:
    """Draw error against time per image for some tasks, a panel each, at the given level of each.

    Methods that none beats in both have their name beside them, and a line joins them.
    """
    figure, axes = plt.subplots(
        len(levels), 1, figsize=(6, 3.6 * len(levels)), squeeze=False, layout="constrained"
    )
    for axis, (task, level) in zip(axes[:, 0], levels.items(), strict=True):
        board = scored[task].board(level)
        trained = board.index.isin(scored[task].trained)
        time, error = board["milliseconds per image"].clip(lower=0.001), board["MSE"]
        front = _front(time, error)
        axis.plot(time[front], error[front], color="0.6", linewidth=1, zorder=1, label="_front")
        for name, chosen, marker in (("no training", ~trained, "o"), ("network", trained, "D")):
            axis.scatter(time[chosen], error[chosen], marker=marker, label=name, zorder=2)
        for name in front:
            axis.annotate(
                name, (time[name], error[name]), (4, 4), textcoords="offset points", fontsize="x-small"
            )
        axis.set(xscale="log", yscale="log", ylabel="MSE", title=title(task, level))
        plots.decimal_ticks(axis.yaxis)
    axes[-1, 0].set_xlabel("processor milliseconds per image")
    plots.one_legend(figure, columns=2)
    return figure


def strip(problem: Problem, scored: Scores, methods: Sequence[str], shown: int = 6) -> Figure:
    """Draw the first test images of a problem: noisy, as methods restore them, and clean."""
    examples = scored.examples[problem.level]
    rows = {"noisy": problem.noisy_test[:shown].clip(0, 1)}
    rows |= {name: examples[name][:shown] for name in methods}
    rows["clean"] = as_float(problem.test[:shown])
    return plots.image_grid([*rows.values()], row_titles=[*rows], size=0.75)


def differing(
    problem: Problem, scored: Scores, denoisers: Mapping[str, Denoise], shown: int = 3
) -> tuple[Figure, pd.Series]:
    """Draw the images on which the second of two denoisers gains most, and those on which it loses most.

    Returns the figure, and by image by how much the second error is lower.
    """
    first, second = denoisers
    of_level = scored.errors[problem.level]
    gain = pd.Series(of_level[first] - of_level[second]).sort_values()
    chosen = gain.index[-shown:][::-1].append(gain.index[:shown])
    noisy = problem.noisy_test[chosen]
    rows = {"noisy": noisy.clip(0, 1)}
    rows |= {name: denoise(noisy).clip(0, 1) for name, denoise in denoisers.items()}
    rows["clean"] = as_float(problem.test[chosen])
    titles = [f"image {image}" for image in chosen]
    return plots.image_grid([*rows.values()], row_titles=[*rows], column_titles=titles), gain


def noises(tasks: Mapping[str, Problems]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the first test photographs, and these with the noise of each task and with that of none."""
    problems = {
        title(task, level): problem
        for task, of_levels in tasks.items()
        for level, problem in of_levels.items()
        if problem.test.shape[-1] == 3
    }
    some = next(iter(problems.values()))
    clean = some.test[:SHIFTED]
    noisy = {name: problem.noisy_test[:SHIFTED] for name, problem in problems.items()}
    noisy |= {name: noise(clean, TEST_SEED, some.first["test"]) for name, noise in OTHER_NOISE.items()}
    return clean, noisy


def shift(
    denoisers: Mapping[str, Denoise], clean: np.ndarray, noisy: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Return the MSE of denoisers, a row each, on images with different noise, a column each."""
    reference = clean / 255
    return pd.DataFrame(
        {
            name: {
                method: metrics.mse(reference, denoise(images).clip(0, 1).astype(np.float64)).mean()
                for method, denoise in denoisers.items()
            }
            for name, images in noisy.items()
        }
    )


def shift_figure(table: pd.DataFrame) -> Figure:
    """Draw `shift`: the darker a field, the larger the error."""
    figure, axis = plt.subplots(figsize=(7, 0.5 * len(table) + 1.6), layout="constrained")
    sns.heatmap(
        table,
        norm=LogNorm(table.min(axis=None), 2 * table.max(axis=None)),
        cmap=sns.light_palette("C0", as_cmap=True),
        annot=True,
        annot_kws={"color": "black", "fontsize": "x-small"},
        fmt=".4f",
        cbar=False,
        ax=axis,
    )
    axis.set(xlabel="noise on the test images", ylabel="denoiser")
    names = [name.replace(", ", "\n", 1) for name in table.columns]
    axis.set_xticks(axis.get_xticks(), names, rotation=90, fontsize="small")
    axis.tick_params(axis="y", labelsize="small")
    return figure


def shift_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return `shift` as rows of a record; levels are the noises."""
    rows = table.rename_axis("method").reset_index().melt("method", var_name="level")
    return rows.assign(quantity=SHIFT)


def power_kept(scored: Scores, problem: Problem, methods: Sequence[str]) -> pd.DataFrame:
    """Return one column per method with the power that its restored images keep, by cycles per image."""
    restored = scored.examples[problem.level]
    reference = problem.test[:EXAMPLES] / 255
    kept = {name: metrics.power_kept(reference, restored[name].astype(np.float64)) for name in methods}
    return pd.DataFrame(kept).rename_axis("cycles per image")


def power_figure(kept: pd.DataFrame) -> Figure:
    """Draw `power_kept`, a line per method."""
    figure, axis = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    rows = kept.reset_index().melt("cycles per image", var_name="method", value_name=POWER)
    sns.lineplot(rows, x="cycles per image", y=POWER, hue="method", style="method", ax=axis)
    axis.axhline(1, color="black", linewidth=1)
    plots.one_legend(figure, columns=2)
    return figure


def power_rows(kept: pd.DataFrame) -> pd.DataFrame:
    """Return `power_kept` as rows of a record; levels are cycles per image."""
    rows = kept.reset_index().melt("cycles per image", var_name="method")
    return rows.rename(columns={"cycles per image": "level"}).astype({"level": str}).assign(quantity=POWER)


def column(scored: Scores, quantity: str, methods: Sequence[str], digits: int) -> pd.DataFrame:
    """Return one measure of some methods as text, one column per level, in the methods' order."""
    table = pd.DataFrame({level: scored.board(level)[quantity] for level in scored.errors})
    return results.rounded(table.loc[[*methods]], digits)


def leaderboard(record: Mapping[str, object], task: str) -> pd.DataFrame:
    """Return all methods of a task in a record as text, at each level from the lowest error on.

    Networks come with a star.
    """
    rows = results.metrics_of(record)
    rows = rows[rows["quantity"].isin({*BOARD, *ENDS})]
    trained = {*rows.loc[rows["seed"].notna(), "method"]}
    tables = {}
    for level in rows["level"].unique():
        if not level.startswith(f"{TITLES[task]}, "):
            continue
        of_level = rows[rows["level"] == level].pivot_table("value", "method", "quantity").sort_values("MSE")
        shown = results.rounded(of_level[[name for name in BOARD if name in of_level]], BOARD)
        ends = results.rounded(of_level[[*ENDS]], 5)
        shown.insert(1, "95 % interval", ends[ENDS[0]] + " to " + ends[ENDS[1]])
        starred = {name: f"{name} *" for name in trained}
        tables[level.removeprefix(f"{TITLES[task]}, ")] = shown.rename(index=starred).rename_axis(
            columns=None
        )
    return pd.concat(tables).rename_axis([None, None])


def by_mask(noisy: np.ndarray) -> np.ndarray:
    """Interpolate over black and white pixels of images with any noise, which may lie outside [0, 1]."""
    return baselines.linear(noisy.clip(0, 1))


def _front(time: pd.Series, error: pd.Series) -> list[str]:
    """Return the methods than which none is both faster and better, from the fastest on."""
    ranked = time.sort_values(kind="stable").index
    lowest = error[ranked].cummin().shift(fill_value=np.inf)
    return [name for name in ranked if error[name] < lowest[name]]


def _titled(task: str, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(level=[title(task, level) for level in rows["level"]])
