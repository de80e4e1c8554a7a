"""Salt-and-pepper noise and the convolutional autoencoder: what its notebook calls and does not show.

"Level" is the text that stands for a share of altered pixels, such as "30 %". What takes long and does not
depend on the networks is kept in the run's folder (`results.resumed`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from compendium import baselines, metrics, plots, results, statistics, training
from compendium.errors import CompendiumError
from compendium.images import Images, as_float

QUANTITIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "MSE": metrics.mse,
    "PSNR": metrics.psnr,
    "SSIM": metrics.ssim,
    "PCC": metrics.pcc,
    "agreement": metrics.channel_agreement,
}
"""What is measured of every method: name -> metric of clean and reconstructed images, a number per image."""

LEARNING = {"val_loss": "validation loss (MSE)", "val_channel_agreement": "channel agreement"}
"""What Fig. 3 shows of a training: column of the curves -> label."""

DIFFERENCE = "MSE, CAE minus linear interpolation"
DEFINITIONS = {
    DIFFERENCE: "Mean difference of their errors over images, its 95 % interval from low to high.",
    "share of images, CAE ahead": "Share of the images on which the CAE has the lower error.",
    "loss fallen": "Share by which the validation loss fell in the second half of the epochs.",
    "neighbour accuracy": "Share of test images whose nearest training image is of the same class.",
}
"""How the numbers of a record beside `QUANTITIES` are computed."""

# What the paper prints: Table 3, Table 4 read as SSIM of three levels, Table 5, Table 1.
LEVELS = ("30 %", "60 %", "90 %")
IMAGES = pd.Index([330, 8551, 5555, 70], name="image")
PAPER = {
    "MSE": dict(zip(LEVELS, (0.0095, 0.0117, 0.0134), strict=True)),
    "agreement": dict(zip(LEVELS, (0.7549, 0.7486, 0.7359), strict=True)),
}
PAPER_SSIM = pd.DataFrame(
    [
        [0.6830, 0.6351, 0.6044],
        [0.6146, 0.5545, 0.6044],
        [0.4148, 0.3939, 0.3251],
        [0.6753, 0.5869, 0.4697],
    ],
    index=IMAGES,
    columns=LEVELS,
)
_LAE = [
    [2.49, 2.18, 2.17, 2.03],
    [2.43, 2.19, 2.19, 2.22],
    [2.28, 1.44, 1.43, 1.25],
    [1.69, 1.51, 1.44, 1.31],
]
_TE = [
    [9.12, 9.04, 8.92, 8.75],
    [9.71, 9.40, 9.61, 9.68],
    [7.79, 7.86, 8.36, 7.91],
    [6.61, 7.44, 7.61, 7.55],
]
PAPER_ENTROPIES = {
    name: pd.DataFrame(values, index=IMAGES, columns=["clean", *LEVELS])
    for name, values in {"LAE": _LAE, "TE": _TE}.items()
}
PAPER_LAYERS = (
    *(("32x32x32", 896), ("16x16x32", 0), ("16x16x8", 2312), ("8x8x8", 0), ("4x4x8", 584), ("4x4x8", 0)),
    *(("4x4x8", 584), ("8x8x8", 0), ("8x8x32", 2336), ("16x16x32", 0), ("16x16x32", 9248)),
    *(("32x32x32", 0), ("32x32x3", 867)),
)


@dataclass(frozen=True)
class Validation:
    """What every method is measured on.

    reference: clean images, float64 in [0, 1], (n, h, w, c). noisy: by level, uint8, of the same shape.
    folder: of the run. identity: what decides the images and their noise, as `results.resumed` takes it.
    """

    reference: np.ndarray
    noisy: Mapping[str, np.ndarray]
    folder: Path
    identity: Mapping[str, object]

    def kept(
        self, name: str, level: str, more: Mapping[str, object], compute: Callable[[], pd.DataFrame]
    ) -> pd.DataFrame:
        """Return the table that `compute` gives at a level, from the run's folder where it is there.

        more: what decides it beside the images and their noise.
        """
        path = self.folder / f"{name}-{level.removesuffix(' %')}.json"
        return results.resumed(path, {**self.identity, "level": level, **more}, compute)


# What is measured


def measure(reference: np.ndarray, images: np.ndarray) -> pd.DataFrame:
    """Return the `QUANTITIES` of images (n, h, w, c) beside their clean ones: one row per image."""
    return pd.DataFrame({name: metric(reference, images) for name, metric in QUANTITIES.items()})


def tidy(table: pd.DataFrame, method: str, level: str) -> pd.DataFrame:
    """Return the means of a table of `measure` as rows of a record."""
    means = table.mean().rename_axis("quantity").rename("value").reset_index()
    return means.assign(method=method, level=level)[["quantity", "method", "level", "value"]]


def without_training(
    validation: Validation,
    clean_train: Images,
    denoisers: Mapping[str, Callable[[Images], Images]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure all methods that need no training, at all levels.

    Args:
        validation: the images.
        clean_train: training images, float in [0, 1], for the predictors that ignore their input.
        denoisers: by name; one of them "linear interpolation".

    Returns means as rows of a record, and the MSE of linear interpolation: one row per image, a column per
    level. Both are kept, for the triangulations of 10,000 images take ten minutes at 30 %.
    """
    means, errors = [], {}
    for level in validation.noisy:
        table, errors[level] = _without_training(validation, level, clean_train, denoisers)
        means.append(table)
    return pd.concat(means, ignore_index=True), pd.DataFrame(errors)


def _without_training(
    validation: Validation,
    level: str,
    clean_train: Images,
    denoisers: Mapping[str, Callable[[Images], Images]],
) -> tuple[pd.DataFrame, pd.Series]:
    @cache  # two tables are kept of it
    def measured() -> dict[str, pd.DataFrame]:
        noisy = validation.noisy[level] / 255
        trivial = baselines.trivial_predictions(clean_train, len(noisy))
        found = {name: measure(validation.reference, images) for name, images in trivial.items()}
        return found | {
            name: measure(validation.reference, denoise(noisy)) for name, denoise in denoisers.items()
        }

    def means() -> pd.DataFrame:
        return pd.concat([tidy(table, name, level) for name, table in measured().items()])

    def errors() -> pd.DataFrame:
        return measured()["linear interpolation"][["MSE"]].round(8)

    methods = {"methods": [*denoisers]}
    table = validation.kept("without-training", level, methods, means)
    return table, validation.kept("errors-interpolation", level, {}, errors)["MSE"].astype(float)


def of_network(
    validation: Validation, networks: Mapping[str, keras.Model], restored: Mapping[str, np.ndarray]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the network's outputs, by level (n, h, w, c), float64 in [0, 1].

    Returns means as rows of a record, and the MSE: a row per image, a column per level. The latter is kept
    beside interpolation's, so that both can be compared without a network.
    """
    means, errors = [], {}
    for level, images in restored.items():
        table = measure(validation.reference, images)
        means.append(tidy(table, "CAE", level))
        kept = validation.kept(
            "errors-CAE", level, weights_of(networks[level]), lambda table=table: table[["MSE"]].round(8)
        )
        errors[level] = kept["MSE"].astype(float)
    return pd.concat(means, ignore_index=True), pd.DataFrame(errors)


def weights_of(network: keras.Model) -> dict[str, str]:
    """Return what identifies a trained network: the checksum of its weights."""
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(np.ascontiguousarray(array).data)
    return {"weights": digest.hexdigest()}


def compared(network: pd.DataFrame, interpolated: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the errors of two methods on the same images: one row per image, one column per level.

    Returns a table of the mean difference with its 95 % interval, and the share of images on which the
    network is ahead, for a page; and the same as rows of a record.
    """
    rows, table = [], {}
    for level in network:
        found = statistics.paired_comparison(network[level], interpolated[level])
        numbers = {"mean": found.difference, "low": found.low, "high": found.high}
        rows += [(DIFFERENCE, name, level, value) for name, value in numbers.items()]
        share = found.first_lower / found.pairs if np.isfinite(found.difference) else np.nan
        rows.append(("share of images, CAE ahead", "CAE", level, share))
        table[level] = numbers | {"CAE ahead, % of images": 100 * share}
    return pd.DataFrame(table).T, pd.DataFrame(rows, columns=["quantity", "method", "level", "value"])


def loss_fallen(curves: pd.DataFrame) -> pd.DataFrame:
    """Return by which share each validation loss fell in the second half of its epochs, as rows."""
    rows = []
    for level, curve in curves.groupby("level", sort=False):
        losses = curve.sort_values("epoch")["val_loss"].to_numpy()
        rows.append(("loss fallen", "CAE", level, 1 - losses[-1] / losses[(len(losses) - 1) // 2]))
    return pd.DataFrame(rows, columns=["quantity", "method", "level", "value"])


def pca_limit(validation: Validation, clean_train: Images, components: int = 128) -> float:
    """Return the MSE of the clean images through principal components of clean training images.

    It is kept: the components of 50,000 images take a minute.
    """

    def compute() -> pd.DataFrame:
        through = baselines.pca_reconstruction(
            clean_train, validation.reference.astype(np.float32), components
        )
        return pd.DataFrame({"MSE": [metrics.mse(validation.reference, through).mean()]})

    path = validation.folder / f"principal-components-{components}.json"
    return float(results.resumed(path, validation.identity, compute)["MSE"].iloc[0])


def of_images(
    validation: Validation, restored: Mapping[str, np.ndarray], shown: Sequence[int]
) -> pd.DataFrame:
    """Return the `QUANTITIES` of single images, of the network's outputs and of interpolation's, as rows."""
    chosen = [*shown]
    found = []
    for level, images in restored.items():
        outputs = {
            "CAE": images[chosen],
            "linear interpolation": baselines.linear(validation.noisy[level][chosen] / 255),
        }
        for method, output in outputs.items():
            table = measure(validation.reference[chosen], output)
            found.append(table.assign(method=method, level=level, image=chosen))
    return pd.concat(found).melt(["method", "level", "image"], var_name="quantity")


# Tables


def layer_table(network: keras.Model) -> pd.DataFrame:
    """Return a network's layers beside the paper's Table 1: one row per layer."""
    shapes, counts = zip(*PAPER_LAYERS, strict=True)
    return pd.DataFrame(
        {
            "output": ["x".join(map(str, layer.output.shape[1:])) for layer in network.layers],
            "paper's output": shapes,
            "parameters": [layer.count_params() for layer in network.layers],
            "paper's parameters": counts,
        },
        index=pd.Index([type(layer).__name__ for layer in network.layers], name="layer"),
    )


def ranked(measured: pd.DataFrame, quantity: str, *, by: str, ascending: bool = True) -> pd.DataFrame:
    """Return means of one quantity: a row per method, a column per level, and the paper's CAE where printed.

    measured: rows of a record. by: the level whose numbers order the rows.
    """
    table = results.means(measured, quantity)
    if quantity in PAPER:
        table.loc["CAE of the paper"] = pd.Series(PAPER[quantity])
    return table.sort_values(by, ascending=ascending).rename_axis(None, axis=1)


def four_images(rows: pd.DataFrame, shown: Sequence[int]) -> pd.DataFrame:
    """Return SSIM, PCC and PSNR of the network's outputs for single images, with the SSIM of Table 4.

    rows: of `of_images`. One row per image and source, one column per level; the paper's are missing for
    images and levels that it does not have.
    """
    ours = {name: results.of_images(rows, name, "CAE").loc[[*shown]] for name in ("SSIM", "PCC", "PSNR")}
    paper = PAPER_SSIM.reindex(index=[*shown], columns=ours["SSIM"].columns)
    sources = {"SSIM, paper": paper} if paper.notna().any(axis=None) else {}
    sources |= {"SSIM": ours["SSIM"], "PCC": ours["PCC"], "PSNR in dB": ours["PSNR"]}
    return pd.concat(sources, names=["measure", "image"]).rename_axis(None, axis=1)


def entropies(versions: Mapping[str, np.ndarray], shown: Sequence[int]) -> pd.DataFrame:
    """Return both entropies of images and of the outputs for them, as rows of a record.

    versions: by level, and "clean", float64 in [0, 1], (n, h, w, c), in the order of `shown`.
    """
    measures = {"LAE": metrics.local_entropy, "TE": metrics.total_entropy}
    return pd.concat(
        pd.DataFrame({"image": [*shown], "value": entropy(images)}).assign(
            quantity=name, level=version, method="CAE"
        )
        for name, entropy in measures.items()
        for version, images in versions.items()
    )


def entropy_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `entropies` with Table 5: a row per source, entropy and image, a column per version."""
    ours = {name: results.of_images(rows, name, "CAE") for name in ("LAE", "TE")}
    sources = {}
    for name, table in ours.items():
        paper = PAPER_ENTROPIES[name].reindex(index=table.index, columns=table.columns)
        if paper.notna().any(axis=None):
            sources[f"{name}, paper"] = paper
        sources[name] = table
    return pd.concat(sources, names=["entropy", "image"]).rename_axis(None, axis=1)


def below_clean(table: pd.DataFrame) -> pd.Series:
    """Count outputs with a lower entropy than the clean image, by the first name of an `entropy_table`."""
    outputs = table.drop(columns="clean")
    return outputs.lt(table["clean"], axis=0).sum(axis=1).groupby(level=0, sort=False).sum()


# The code


def encode(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the codes of noisy images, (n, numbers): the output of the layer named "latent".

    Raises CompendiumError where they are no numbers.
    """
    encoder = keras.Model(network.inputs[0], network.get_layer("latent").output)
    codes = training.predict(encoder, images).reshape(len(images), -1)
    if not np.isfinite(codes).all():
        raise CompendiumError("the network diverged, and its codes are no numbers; try a lower learning_rate")
    return codes


def neighbours(
    validation: Validation,
    level: str,
    network: keras.Model,
    noisy_train: np.ndarray,
    labels: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Measure how often the nearest training image is of the same class, by three distances.

    Args:
        validation: whose noisy images of `level` are looked up.
        level: of noise.
        network: trained at that level.
        noisy_train: training images with such noise, uint8, (n, h, w, c), which are looked among.
        labels: of the training and of the validation images.

    Returns rows of a record, which are kept: the accuracies between codes, between as many principal
    components of the noisy pixels, and between these themselves.
    """

    def compute() -> pd.DataFrame:
        codes = [encode(network, images) for images in (noisy_train, validation.noisy[level])]
        pixels = [as_float(one).reshape(len(one), -1) for one in (noisy_train, validation.noisy[level])]
        components = baselines.principal_components(pixels[0], codes[0].shape[1])
        spaces = {
            "code of the CAE": codes,
            f"{codes[0].shape[1]} principal components": [components.transform(one) for one in pixels],
            "noisy pixels": pixels,
        }
        rows = [
            ("neighbour accuracy", name, level, _nearest_right(*space, labels))
            for name, space in spaces.items()
        ]
        return pd.DataFrame(rows, columns=["quantity", "method", "level", "value"])

    more = weights_of(network) | {"training images": len(noisy_train)}
    return validation.kept("neighbours", level, more, compute)


def _nearest_right(train: np.ndarray, test: np.ndarray, labels: tuple[np.ndarray, np.ndarray]) -> float:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1).fit(train, labels[0]).score(test, labels[1])


# Figures


def learning_curves(curves: pd.DataFrame) -> Figure:
    """Draw what Fig. 3 shows of each training; crosses mark what the paper reports after 500 epochs."""
    figure, axes = plt.subplots(1, 2, figsize=(6.5, 3.2), layout="constrained")
    printed = dict(zip(LEARNING, PAPER.values(), strict=True))
    for axis, (column, label) in zip(axes, LEARNING.items(), strict=True):
        sns.lineplot(curves, x="epoch", y=column, hue="level", style="level", ax=axis)
        for level, colour in zip(curves["level"].unique(), sns.color_palette(), strict=False):
            if level in printed[column]:
                axis.plot(500, printed[column][level], "X", color=colour, markersize=6)
        axis.set(xscale="log", ylabel=label)
        axis.set_xticks([1, 10, 100, 500], labels=["1", "10", "100", "500"])
        axis.minorticks_off()
    plots.one_legend(figure, columns=3)
    return figure


def one_image(validation: Validation, restored: Mapping[str, np.ndarray], image: int) -> Figure:
    """Draw one image at each level: noisy, restored by the network and by interpolation, and clean."""
    noisy = {level: images[image] / 255 for level, images in validation.noisy.items()}
    rows = {
        "noisy": [*noisy.values()],
        "CAE": [images[image] for images in restored.values()],
        "interpolation": [baselines.linear(one[np.newaxis])[0] for one in noisy.values()],
        "clean": [validation.reference[image]] * len(noisy),
    }
    return plots.image_grid(
        [np.stack(row) for row in rows.values()], row_titles=[*rows], column_titles=[*noisy]
    )


def several_images(
    validation: Validation, restored: Mapping[str, np.ndarray], shown: Sequence[int]
) -> Figure:
    """Draw images, clean and as the network and interpolation restore them from each level."""
    chosen = [*shown]
    rows = {"clean": validation.reference[chosen]}
    rows |= {f"CAE, {level}": images[chosen] for level, images in restored.items()}
    rows |= {
        f"interpolation, {level}": baselines.linear(images[chosen] / 255)
        for level, images in validation.noisy.items()
    }
    titles = [str(one) for one in chosen]
    return plots.image_grid([*rows.values()], row_titles=[*rows], column_titles=titles, size=0.8)


def entropy_maps(versions: Mapping[str, np.ndarray], place: int) -> Figure:
    """Draw one image in several versions, as `entropies` takes them, and below them their local entropies."""
    figure, axes = plt.subplots(2, len(versions), figsize=(6.5, 3.4), layout="compressed")
    for (name, images), (above, below) in zip(versions.items(), axes.T, strict=True):
        above.imshow(images[place])
        above.set_title(name, fontsize="small")
        shades = below.imshow(metrics.entropy_map(images[place : place + 1])[0], vmin=0, vmax=4)
        for axis in (above, below):
            axis.set_axis_off()
    scale = figure.colorbar(shades, ax=axes[1])
    scale.set_label("bits", size="small")
    scale.ax.tick_params(labelsize="small")
    return figure


def code_maps(codes: Mapping[str, np.ndarray], images: np.ndarray, names: Sequence[str], seed: int) -> Figure:
    """Draw the codes of images at each level, (n, numbers), as t-SNE's map of them, coloured by class.

    images: clean, (n, h, w, c), which a page shows at their dots. names: of each image's class.
    """
    from sklearn.manifold import TSNE

    figure, axes = plt.subplots(1, len(codes), figsize=(7, 3.2), layout="constrained", squeeze=False)
    colours = dict(zip(dict.fromkeys(names), sns.color_palette(n_colors=10), strict=False))
    for axis, (level, one) in zip(axes[0], codes.items(), strict=True):
        points = TSNE(2, perplexity=min(30, len(one) - 1), random_state=seed).fit_transform(one)
        axis.scatter(*points.T, s=12, linewidth=0, color=[colours[name] for name in names])
        axis.set(title=level, xticks=[], yticks=[])
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=colour) for colour in colours.values()]
    figure.legend(handles, [*colours], loc="outside lower center", ncols=5, fontsize="small")
    dots = [axis.collections[0] for axis in axes[0]]
    plots.pictured(dots, [images] * len(dots), [names] * len(dots))
    return figure
