"""The experiments of the chapter on the tuning lab: trainings that are kept, the search, tables and figures.

A table of *curves* has a row per epoch: what `training.fit` returns, with the network's `method` and `seed`.
What was measured of a network after its training stands in its last row. A table of *rows* is a part of a
record's metrics: `quantity`, `method`, `level`, `seed` and `value`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import keras
import keras_tuner
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.special import logit
from skimage.transform import resize

from compendium import metrics, noise, plots, results, statistics, training
from compendium.images import as_float
from compendium.models import lab_baseline, lab_tunable

AFTER_TRAINING = "MSE after training"
OF_TRIAL = "MSE of trial"
OTHER_NOISE = "MSE on other noise"
CURVE = ["epoch", "loss", "val_loss", "seconds", "method", "seed"]
"""Columns of a table of curves that a record keeps."""

SHOWN = ("output bias", "output bias, longer", "tuned")
"""Networks of which the chapter shows outputs, those of the first seed."""

STILL_BLACK = 0.9
"""A network has collapsed whose error is not below this share of a black image's."""

SIDES = (14, 21, 28, 30, 42, 56)

Corrupt = Callable[..., np.ndarray]
"""`corrupt(images, seed, first_index=0) -> noisy`."""

Changes = Mapping[str, Any]
"""Fields of `Settings` with other values than the baseline's."""


@dataclass(frozen=True)
class Settings:
    """A network and its training; what has a default here is as the lab's baseline has it.

    filters: of the outer convolutions of `models.lab_tunable`; None for `models.lab_baseline`. output_bias:
    of the last layer, before training. batch_size: images per step. The others are arguments of the models
    and of `training.fit`.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    filters: int | None = None
    batch_normalization: bool = False
    kernel_initializer: str = "glorot_uniform"
    output_bias: float = 0.0
    loss: str = "mse"

    def build(self) -> keras.Model:
        """Return the network with its initial weights; call `training.set_seed` before."""
        options = {
            "batch_normalization": self.batch_normalization,
            "kernel_initializer": self.kernel_initializer,
        }
        network = lab_tunable(self.filters, **options) if self.filters else lab_baseline(**options)
        network.get_layer("reconstruction").bias.assign([self.output_bias])
        return network


@dataclass(frozen=True)
class Study:
    """What all trainings of a run have in common.

    folder: of the run. train, test: clean images, uint8 `(n, 28, 28, 1)`. noisy: the test images with noise,
    which every method sees. seed: the first one, of the search and of what is trained once.
    """

    folder: Path
    train: np.ndarray
    test: np.ndarray
    noisy: np.ndarray
    corrupt: Corrupt
    seed: int
    baseline: Settings

    @property
    def reference(self) -> np.ndarray:
        """The clean test images, float64 in [0, 1]."""
        return self.test / 255

    @property
    def held_back(self) -> int:
        """Index of the first training image that the search validates with: they are the last fifth."""
        return int(0.8 * len(self.train))

    def kept(
        self, part: str, decides: Mapping[str, object], compute: Callable[[], pd.DataFrame]
    ) -> pd.DataFrame:
        """Return the table of one part of the run, computed once; see `results.resumed`.

        decides: what does, beside images, noise, seed and baseline.
        """
        identity = {
            "images": joblib.hash([self.train, self.test, self.noisy]),
            "seed": self.seed,
            "baseline": asdict(self.baseline),
        }
        return results.resumed(self.folder / f"{part}.json", {**identity, **decides}, compute)


# Trainings


def train(
    study: Study,
    name: str,
    seed: int,
    changes: Changes,
    *,
    images: np.ndarray | None = None,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    corrupt: Corrupt | None = None,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train the baseline with some changes; return the network and its curve.

    Its checkpoint lies in the run's folder if the network is one of `SHOWN`, of the first seed, else in the
    subfolder `trainings`, which is not published.

    Args:
        study: what all trainings have in common.
        name: of the network, with which the changes go.
        seed: of initial weights, of the order of the images, and of the training noise.
        changes: of the baseline's settings.
        images: clean images to train with; all training images without.
        validation: noisy and clean images; the test images without.
        corrupt: gives the training noise; the study's without.
    """
    settings = replace(study.baseline, **changes)
    shown = name in SHOWN and seed == study.seed
    training.set_seed(seed)
    network = settings.build()
    curve = training.fit(
        network,
        study.train if images is None else images,
        corrupt or study.corrupt,
        validation=validation or (study.noisy, study.test),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=settings.loss,
        seed=seed,
        checkpoint=(study.folder if shown else study.folder / "trainings") / f"{name}-{seed}.npz",
    )
    return network, curve.assign(method=name, seed=seed)


def trained_once(
    study: Study, name: str, network: keras.Model, fit: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """Train a compiled network by `fit`, which returns its curve; see `training.once`."""
    return training.once(
        network,
        fit,
        settings=asdict(study.baseline),
        arrays=[study.train, study.test, study.noisy],
        checkpoint=study.folder / f"{name}.npz",
    )


def error(study: Study, network: keras.Model) -> float:
    """Return a network's MSE, the mean over the noisy test images."""
    return _mse(study.reference, training.predict(network, study.noisy))


def repeated(study: Study, part: str, networks: Mapping[str, Changes], runs: int) -> pd.DataFrame:
    """Train each network from so many seeds; return their curves, with the MSE after training.

    part: name of the file that keeps the table. networks: by name, what each changes of the baseline.
    """

    def compute() -> pd.DataFrame:
        curves = []
        for name, changes in networks.items():
            for seed in range(study.seed, study.seed + runs):
                network, curve = train(study, name, seed, changes)
                curves.append(training.with_numbers(curve, {AFTER_TRAINING: error(study, network)}))
        return pd.concat(curves, ignore_index=True)

    decides = {"networks": {name: dict(changes) for name, changes in networks.items()}, "runs": runs}
    return study.kept(part, decides, compute)


def taken_back(baseline: Settings, factors: Mapping[str, Changes], epochs: int) -> dict[str, Changes]:
    """Return all factors together, and without each of them but the epochs, as networks for `repeated`."""
    together = {key: value for change in factors.values() for key, value in change.items()}
    together["epochs"] = epochs
    networks = {"all five": together}
    for name, change in factors.items():
        if name != "epochs":
            undone = {key: getattr(baseline, key) for key in change}
            networks[f"without {name}"] = together | undone
    return networks


class _Search(keras_tuner.RandomSearch):
    """A random search whose trials are scored by a function."""

    def __init__(self, score: Callable[[keras_tuner.engine.trial.Trial], float], **options: Any) -> None:
        self._score = score
        super().__init__(**options)

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, **_: Any) -> float:
        return self._score(trial)


def search(
    study: Study, space: Callable[[keras_tuner.HyperParameters], Changes], *, trials: int
) -> pd.DataFrame:
    """Search as the lab does, one training per trial, validated on the last fifth of the training images.

    space: what a trial changes of the baseline, with `filters` and `learning_rate` among it.

    Returns the trials' curves with `filters` and `learning_rate`, and each one's lowest validation error.
    """
    first, held_back = study.train[: study.held_back], study.train[study.held_back :]

    def compute() -> pd.DataFrame:
        validation = (study.corrupt(held_back, study.seed, first_index=study.held_back), held_back)
        curves = []

        def score(trial: keras_tuner.engine.trial.Trial) -> float:
            changes = space(trial.hyperparameters)
            name = f"trial {trial.trial_id}"
            _, curve = train(study, name, study.seed, changes, images=first, validation=validation)
            lowest = float(curve["val_loss"].fillna(np.inf).min())
            chosen = {name: changes[name] for name in ("filters", "learning_rate")}
            curves.append(training.with_numbers(curve.assign(**chosen), {OF_TRIAL: lowest}))
            return lowest

        _Search(
            score,
            objective="val_loss",
            max_trials=trials,
            seed=study.seed,
            directory=study.folder,
            project_name="search",
            overwrite=True,  # the checkpoints hold what was trained
        ).search(verbose=0)
        return pd.concat(curves, ignore_index=True)

    choices = keras_tuner.HyperParameters()
    first_chosen = dict(space(choices))
    decides = {"trials": trials, "space": choices.get_config()["space"], "first": first_chosen}
    return study.kept("search", decides, compute)


def best_trial(curves: pd.DataFrame) -> dict[str, Any]:
    """Return filters and learning rate of the trial with the lowest error, for `train`."""
    ends = _last(curves, OF_TRIAL)
    best = ends.loc[ends[OF_TRIAL].idxmin()]
    return {"filters": int(best["filters"]), "learning_rate": float(best["learning_rate"])}


# Rows of a record


def scores(
    reference: np.ndarray,
    outputs: Mapping[str, np.ndarray],
    quantities: Mapping[str, Callable[..., np.ndarray]],
) -> pd.DataFrame:
    """Return rows with the mean of each quantity over the test images, method by method."""
    rows = [
        (quantity, method, "test images", measure(reference, np.asarray(images, np.float64)).mean())
        for method, images in outputs.items()
        for quantity, measure in quantities.items()
    ]
    return pd.DataFrame(rows, columns=["quantity", "method", "level", "value"])


def after_training(curves: pd.DataFrame, level: str) -> pd.DataFrame:
    """Return rows with the errors of the networks that `repeated` trained, one row per network."""
    ends = _last(curves, AFTER_TRAINING)
    return ends[["method", "seed"]].assign(quantity=AFTER_TRAINING, level=level, value=ends[AFTER_TRAINING])


def half_way(curves: pd.DataFrame, level: str) -> pd.DataFrame:
    """Return rows with the errors of "all five" after half of the epochs, as those without more epochs."""
    together = curves[curves["method"] == "all five"]
    middle = together[together["epoch"] == together["epoch"].max() // 2]
    rows = middle[["seed"]].assign(method="without epochs", value=middle["val_loss"])
    return rows.assign(quantity=AFTER_TRAINING, level=level)


def trials_of(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the error of each trial, and that of black images on the same images."""
    ends = _last(curves, OF_TRIAL)
    rows = [
        (f"{trial.filters} filters", f"rate {trial.learning_rate:g}", study.seed, value)
        for trial, value in zip(ends.itertuples(), ends[OF_TRIAL], strict=True)
    ]
    held_back = as_float(study.train[study.held_back :])
    rows.append(("black image", "", None, float(np.square(held_back, dtype=np.float64).mean())))
    return _rows(OF_TRIAL, rows)


def first_steps(
    study: Study,
    name: str,
    changes: Changes,
    gradient_at: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    steps: int,
) -> pd.DataFrame:
    """Train a network for a few steps and watch its outputs on 32 noisy test images, one row per step.

    gradient_at: of the error of a pixel at its logit, from outputs and clean pixels. The net pull is the sum
    of these gradients over the sum of their sizes: 1 where all pull the same way, 0 where they cancel.
    """
    noisy, clean = study.corrupt(study.train, study.seed), as_float(study.train)
    training.set_seed(study.seed)
    settings = replace(study.baseline, **changes)
    network = settings.build()
    network.compile(keras.optimizers.Adam(settings.learning_rate), "mse", jit_compile=False)
    rng, rows = np.random.default_rng(study.seed), []
    for step in range(steps):
        outputs = training.predict(network, study.noisy[:32]).astype(float)
        gradient = gradient_at(outputs, study.reference[:32])
        rows.append(
            {
                "step": step,
                "asked to be darker": (gradient > 0).mean(),
                "net pull": gradient.mean() / np.abs(gradient).mean(),
                "mean output": outputs.mean(),
                "median logit": np.median(logit(outputs.clip(1e-30, 1))),
                "gradient at the logits": np.sqrt(np.square(gradient).mean()),
            }
        )
        batch = rng.integers(len(noisy), size=settings.batch_size)
        network.train_on_batch(noisy[batch], clean[batch])
    return pd.DataFrame(rows).assign(network=name)


def first_pull(traces: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return rows with the pull of the pixels before the first step."""
    first = traces[traces["step"] == 0].set_index("network")
    names = ("asked to be darker", "net pull")
    rows = [(network, name, seed, row[name]) for network, row in first.iterrows() for name in names]
    return _rows("first step", rows)


def dead_units(network: keras.Model, noisy: np.ndarray, seed: int) -> pd.DataFrame:
    """Return rows that count, in each convolution but the last, the channels that are 0 for every image."""
    convolutions = [layer for layer in network.layers if layer.count_params()][:-1]
    activations = keras.Model(network.inputs[0], [layer.output for layer in convolutions])
    rows = []
    for number, values in enumerate(activations.predict(noisy, verbose=0), 1):
        found = {
            "channels": values.shape[-1],
            "dead channels": (values.max(axis=(0, 1, 2)) == 0).sum(),
            "% above 0": 100 * (values > 0).mean(),
        }
        rows += [(f"convolution {number}", name, seed, value) for name, value in found.items()]
    return _rows("after the collapse", rows)


def difference_of(name: str, comparison: statistics.Comparison, seed: int) -> pd.DataFrame:
    """Return rows with a mean paired difference of MSE and its interval."""
    ends = ("difference", "low", "high")
    return _rows(name, [("MSE", end, seed, getattr(comparison, end)) for end in ends])


def correlations(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Return rows with the correlation of two fields over all pixels of all images, for each pair."""
    rows = [
        (name, "test images", None, np.corrcoef(first.ravel(), second.ravel())[0, 1])
        for name, (first, second) in pairs.items()
    ]
    return _rows("correlation", rows)


# Other noise, detail, sizes


def gaussian(level: float) -> Corrupt:
    """Return normal noise of one standard deviation, cut to [0, 1]; see `noise.gaussian`."""
    return lambda images, seed, first_index=0: noise.gaussian(
        images, sigma=level, seed=seed, first_index=first_index
    )


def noises() -> dict[str, Corrupt]:
    """Return four kinds of noise by name, and last "all four", of which each image gets one in turn."""

    def salt_pepper(images: np.ndarray, seed: int, first_index: int = 0) -> np.ndarray:
        altered, _ = noise.salt_pepper(images, fraction=0.3, seed=seed, first_index=first_index)
        return as_float(altered)

    kinds = {f"Gaussian {level:g}": gaussian(level) for level in (0.25, 0.5, 1)}
    kinds["salt and pepper"] = salt_pepper

    def mixture(images: np.ndarray, seed: int, first_index: int = 0) -> np.ndarray:
        versions = [kind(images, seed, first_index) for kind in kinds.values()]
        number = np.arange(len(images))
        return np.stack(versions)[number % len(versions), number]

    return {**kinds, "all four": mixture}


def on_other_noise(study: Study, changes: Changes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train a network on each of `noises` and test it on the four; return curves, and rows.

    The rows have the noise trained on as their method and the noise tested on as their level. The noisy input
    stands beside the networks.
    """
    kinds = noises()
    tested = {
        name: kind(study.test, study.seed, len(study.train))
        for name, kind in kinds.items()
        if name != "all four"
    }

    def compute() -> pd.DataFrame:
        curves = []
        for name, kind in kinds.items():
            network, curve = train(study, f"on {name}", study.seed, changes, corrupt=kind)
            errors = {
                other: _mse(study.reference, training.predict(network, images))
                for other, images in tested.items()
            }
            curves.append(training.with_numbers(curve, errors))
        return pd.concat(curves, ignore_index=True)

    curves = study.kept("other-noise", {"changes": dict(changes)}, compute)
    ends = curves.groupby("method", sort=False).tail(1)
    rows = [
        (end["method"].removeprefix("on "), other, study.seed, end[other])
        for end in ends.to_dict("records")
        for other in tested
    ]
    rows += [("noisy input", other, None, _mse(study.reference, images)) for other, images in tested.items()]
    return curves, _rows(OTHER_NOISE, rows)


def power_kept(reference: np.ndarray, outputs: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return rows with the power of outputs over that of the clean images; level: cycles per image."""
    rows = []
    for method, images in outputs.items():
        kept = metrics.power_kept(reference, np.asarray(images, np.float64))
        rows += [(method, cycles, None, ratio) for cycles, ratio in enumerate(kept)]
    return _rows("power kept", rows)


def at_sizes(study: Study, network: keras.Model, filters: int) -> pd.DataFrame:
    """Return rows with the errors of a `lab_tunable` at other sizes, and with the side of its outputs.

    It is built anew with an open input shape. The test images are resized before the noise is added; the last
    size is four of them in one. Where an output is larger than the input it is cut back.
    """
    anysize = lab_tunable(filters, image_shape=(None, None, 1))
    anysize.set_weights(network.get_weights())
    some = study.reference[: 4 * (len(study.test) // 4)]
    sizes = {
        f"{side}": np.stack([resize(image, (side, side), anti_aliasing=True) for image in some])
        for side in SIDES
    }
    sizes["56, four in one"] = some.reshape(-1, 2, 2, 28, 28, 1).swapaxes(2, 3).reshape(-1, 56, 56, 1)
    errors, sides = [], []
    for name, clean in sizes.items():
        noisy = study.corrupt(clean, study.seed, first_index=len(study.train))
        outputs = training.predict(anysize, noisy)
        cut = outputs[:, : clean.shape[1], : clean.shape[2]]
        versions = {"black image": np.zeros_like(clean), "noisy input": noisy, "tuned": cut}
        errors += [(method, name, study.seed, _mse(clean, images)) for method, images in versions.items()]
        sides.append(("tuned", name, study.seed, outputs.shape[1]))
    return pd.concat([_rows("MSE at size", errors), _rows("side of the output", sides)])


# Tables


def wide(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return one quantity, one row per method, one column per level."""
    return results.means(rows, quantity)


def score_table(rows: pd.DataFrame, methods: Iterable[str]) -> pd.DataFrame:
    """Return MSE, PSNR and SSIM on the test images, one row per method."""
    chosen = rows[(rows["level"] == "test images") & rows["method"].isin([*methods])]
    table = chosen.pivot(index="method", columns="quantity", values="value")
    return table.reindex(columns=["MSE", "PSNR", "SSIM"])


def collapse_table(rows: pd.DataFrame, black: float) -> pd.DataFrame:
    """Return for each network how many of its trainings collapsed, Wilson's interval, the others' mean MSE.

    rows: of `after_training`. black: MSE of a black image.
    """
    table = {}
    for name, errors in rows.groupby("method", sort=False)["value"]:
        alive = errors[errors < STILL_BLACK * black]
        dead = len(errors) - len(alive)
        share = statistics.proportion_interval(dead, len(errors))
        table[name] = {
            "collapsed": f"{dead} of {len(errors)}",
            "95 % interval": f"{share.low:.2f} to {share.high:.2f}",
            "MSE of the rest": f"{alive.mean():.4f}" if len(alive) else "",
        }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("network")


def spread_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, lowest and highest error over the seeds of each network of `after_training`."""
    errors = rows.groupby("method", sort=False)["value"]
    return errors.agg(mean="mean", lowest="min", highest="max").rename_axis("network")


def trial_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of `trials_of`, the best first."""
    ordered = rows.sort_values("value")
    columns = {
        "network": ordered["method"],
        "learning rate": ordered["level"].str.removeprefix("rate "),
        "MSE": ordered["value"].map("{:.4f}".format),
    }
    return pd.DataFrame(columns).set_index("network")


def reduction_table(errors: pd.Series, networks: Mapping[str, float], against: Sequence[str]) -> pd.DataFrame:
    """Return by how many per cent the error of each network is below each reference's.

    errors: by method. networks: errors by the head of their column.
    """
    references = errors[[*against]]
    columns = {name: 100 * (1 - value / references) for name, value in networks.items()}
    return pd.DataFrame(columns).rename_axis("reference")


# Figures


def collapse_figure(curves: pd.DataFrame, limits: Mapping[str, float]) -> Figure:
    """Draw the validation error of a network from all seeds, and predictors that ignore their input."""
    figure, axis = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    for number, (_, curve) in enumerate(curves.groupby("seed")):
        label = None if number else "baseline, a line per seed"
        axis.plot(curve["epoch"], curve["val_loss"], color="C0", alpha=0.6, label=label)
    for (name, limit), colour in zip(limits.items(), ("black", "C1"), strict=True):
        axis.axhline(limit, linestyle="--", linewidth=1, color=colour, zorder=1, label=name)
    axis.set(xlabel="epoch", ylabel="validation MSE", ylim=(0, 0.14))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper center", ncols=2, fontsize="small")
    return figure


def first_steps_figure(traces: pd.DataFrame, brightness: float) -> Figure:
    """Draw mean output, median logit and gradient over the first steps; dotted, the images' brightness."""
    traces = traces.reset_index(drop=True)  # seaborn needs that where a number is missing
    figure, axes = plt.subplots(3, 1, figsize=(5.5, 7), sharex=True, layout="constrained")
    names = ("mean output", "median logit", "gradient at the logits")
    for axis, name in zip(axes, names, strict=True):
        sns.lineplot(traces, x="step", y=name, hue="network", style="network", ax=axis)
        axis.get_legend().set_visible(axis is axes[0])
    axes[0].axhline(brightness, color="black", linestyle=":", linewidth=1)
    axes[2].set_yscale("log")
    figure.align_ylabels()
    return figure


def learning_figure(curves: Mapping[str, pd.DataFrame], black: float) -> Figure:
    """Draw training and validation error of networks side by side, with that of a black image."""
    figure, axes = plt.subplots(
        1, len(curves), figsize=(7, 3), sharey=True, squeeze=False, layout="constrained"
    )
    for (name, curve), axis in zip(curves.items(), axes[0], strict=True):
        _learning(curve, black, axis)
        axis.set(title=name, xlabel="epoch")
    axes[0, 0].set(ylabel="MSE", ylim=(0, None))
    axes[0, -1].legend(fontsize="small")
    return figure


def _learning(curve: pd.DataFrame, black: float, axis: Axes) -> None:
    axis.plot(curve["epoch"], curve["loss"], label="training")
    axis.plot(curve["epoch"], curve["val_loss"], label="validation", linestyle="-.")
    axis.axhline(black, linestyle="--", linewidth=1, color="black", label="black image")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def fields_figure(images: Mapping[str, np.ndarray], fields: Mapping[str, np.ndarray]) -> Figure:
    """Draw single images in grey and, on one scale from -1 to 1, fields of noise, three in a row."""
    shown = [*images.items(), *fields.items()]
    figure, axes = plt.subplots(len(shown) // 3, 3, figsize=(6, 4.8), layout="constrained")
    for axis, (name, values) in zip(axes.flat, shown, strict=True):
        look = {"cmap": "gray", "vmin": 0} if name in images else {"cmap": "vlag", "vmin": -1}
        drawn = axis.imshow(values.squeeze(), **look, vmax=1)
        axis.set_title(name, fontsize="small")
        axis.set_axis_off()
    figure.colorbar(drawn, ax=axes, shrink=0.8, location="bottom")
    return figure


def noises_figure(errors: pd.DataFrame) -> Figure:
    """Draw the errors of networks on noises that they were not trained on: one row per network."""
    figure, axis = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    sns.heatmap(
        errors,
        norm=LogNorm(errors.min(axis=None), 2 * errors.max(axis=None)),
        cmap=sns.light_palette("C0", as_cmap=True),
        annot=True,
        annot_kws={"color": "black"},
        fmt=".4f",
        cbar=False,
        ax=axis,
    )
    axis.set(xlabel="tested on", ylabel="trained on")
    names = [name.replace(" ", "\n", 1) for name in errors.columns]
    axis.set_xticks(axis.get_xticks(), names, rotation=0, fontsize="small")
    return figure


def power_figure(rows: pd.DataFrame) -> Figure:
    """Draw the rows of `power_kept`, a line per method."""
    figure, axis = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    sns.lineplot(rows, x="level", y="value", hue="method", style="method", ax=axis)
    axis.axhline(1, color="black", linewidth=1)
    axis.set(xlabel="cycles per image", ylabel="power kept")
    plots.one_legend(figure, columns=2)
    return figure


# Helpers


def _mse(reference: np.ndarray, outputs: np.ndarray) -> float:
    return float(metrics.mse(reference, outputs.astype(np.float64)).mean())


def _last(curves: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the last row of each training, with the numbers of a column that a divergence left empty."""
    ends = curves.groupby(["method", "seed"], sort=False).tail(1)
    return ends.assign(**{column: pd.to_numeric(ends[column])})


def _rows(quantity: str, rows: Sequence[tuple[str, object, int | None, float]]) -> pd.DataFrame:
    """Return rows of a record from (method, level, seed, value)."""
    table = pd.DataFrame(rows, columns=["method", "level", "seed", "value"])
    return table.assign(quantity=quantity)
