"""Latent filtering: draws of originals, synthesised images and their spheres, rows, tables and figures.

The chapter's notebook shows the network, its training, the filter of one draw, the arms and what a
classifier's accuracy is. Rows are (quantity, method, value); with `level` and `seed` they make its record.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from compendium import latent, metrics, outcomes, plots, results, statistics, synthesis, training
from compendium.data import ImageSet
from compendium.errors import CompendiumError, UsageError
from compendium.images import as_float
from compendium.models import classifier, vae

Row = tuple[str, str, float]
"""Which quantity, of which method, and its value."""

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
"""What readers call a data set, where that is not its name."""

UNTRAINED = ["nearest original", "nearest class mean"]
ARMS = ["originals only", "+ all synthesised", "+ random", "+ qualified", "+ best reconstructed"]
RIVALS = ["originals only", "+ random", "+ best reconstructed", "+ all synthesised"]
BY_PASSES = ["originals only", "+ random", "+ qualified"]
PASSES = 2
"""Of the arms that are trained a second time, for so many passes over their images."""

KEPT = ["originals", "synthesised", "test images, own class", "test images, other classes"]
LENGTHS = ["originals", "synthesised", "test images", "class means"]

# --- the paper


def paper_table() -> pd.DataFrame:
    """Return the paper's Table 3, with what follows from it: one row per data set and number per class.

    Of Halmuratov and Veselý; accuracies in per cent, `printed gain, %` as their text has it.
    """
    rows = [
        ("MNIST", 10, 5, 500, 425, 20.6, 25.8, 25.24),
        ("MNIST", 10, 10, 1000, 895, 25.8, 30.2, 17.05),
        ("MNIST", 10, 20, 2000, 1578, 27.1, 30.9, 14.02),
        ("MNIST", 10, 100, 5000, 3685, 25.4, 24.8, -2.36),
        ("CIFAR-10", 10, 5, 500, 458, 18.9, 21.6, 14.29),
        ("CIFAR-10", 10, 10, 1000, 901, 23.4, 24.2, 3.42),
        ("CIFAR-10", 10, 20, 2000, 1570, 28.2, 31.2, 10.64),
        ("CIFAR-10", 10, 100, 5000, 4001, 34.3, 40.9, 19.24),
        ("CIFAR-100", 100, 5, 2500, 1978, 14.6, 18.2, 24.66),
        ("CIFAR-100", 100, 10, 5000, 3951, 16.4, 29.5, 79.88),
        ("CIFAR-100", 100, 20, 10000, 8012, 18.2, 21.8, 19.78),
        ("CIFAR-100", 100, 100, 50000, 38417, 24.5, 27.6, 12.65),
    ]
    columns = ["classes", "synthesised", "qualified", "before", "after", "printed gain, %"]
    table = pd.DataFrame(
        [(name, number, classes, *others) for name, classes, number, *others in rows],
        columns=["data", "per class", *columns],
    ).set_index(["data", "per class"])
    originals = table["classes"] * table.index.get_level_values("per class")
    return table.assign(
        **{
            "for each original": table["synthesised"] / originals,
            "kept, %": 100 * table["qualified"] / table["synthesised"],
            "gain, points": table["after"] - table["before"],
            "gain, %": 100 * (table["after"] / table["before"] - 1),
        }
    )


def number_to_synthesise(classes: int, per_class: int) -> int:
    """Return how many images the paper synthesises in a condition: ten for each original, or five."""
    return (10 if classes == 10 and per_class < 100 else 5) * classes * per_class


def counts_beside_paper() -> str:
    """Say whether the layers of `models.vae` have the parameters that Tables 1 and 2 print."""
    printed = {
        "encoder": [0, 5120, 4719616, 0, 20070800, 40100, 40100, 0],
        "decoder": [0, 5067776, 0, 9438208, 4719104],
    }
    network, lines = vae((28, 28, 1)), []
    for name, counts in printed.items():
        found = [layer.count_params() for layer in network.get_layer(name).layers]
        same = found[: len(counts)] == counts
        lines.append(f"{name}: {sum(counts):,} parameters, layer by layer the paper's: {same}")
        lines.append(f"  after the paper's last layer: {found[len(counts) :]}")
    return "\n".join(lines)


# --- one draw


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a draw besides its condition: the chapter's parameters of these names.

    Raises UsageError where they do not fit each other.
    """

    test_images: int
    synthesis_by: str
    synthesised_limit: int
    augmentation: Sequence[float]
    gan_steps: int
    vae_widths: Sequence[int]
    vae_steps: int
    beta: float
    latent_point: str
    sphere_centre: str
    sphere_metric: str
    sphere_share: float
    classifier_widths: Sequence[int]
    classifier_steps: int
    batch_size: int
    learning_rate: float
    seed: int

    def __post_init__(self) -> None:
        *_, zoom = self.augmentation
        if zoom >= 1:
            raise UsageError(f"augmentation: a zoom of {zoom:g} turns images inside out; take less than 1")

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> "Settings":
        """Take them from all parameters of a run."""
        return cls(**{field.name: parameters[field.name] for field in fields(cls)})


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of one condition: its originals, and the images that classifiers are tested on.

    data: name of the data set. per_class: originals of each class. number: of the draw, from 0. seed: of its
    originals, weights, synthesis and random arm. classes: their names. originals, test: uint8
    `(n, h, w, c)`, with class numbers `(n,)`. sha256: of the data set's two splits.
    """

    data: str
    per_class: int
    number: int
    seed: int
    classes: Sequence[str]
    originals: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    sha256: tuple[str, str]

    @property
    def level(self) -> str:
        """What a record calls the condition."""
        return f"{self.data}, {self.per_class} a class"

    @property
    def name(self) -> str:
        """What the files of this draw are called."""
        return f"{self.data}-{self.per_class}-{self.number}"

    @property
    def title(self) -> str:
        """What readers call its data set."""
        return TITLES.get(self.data, self.data)


def draw_originals(
    sets: Mapping[str, tuple[ImageSet, ImageSet]], data: str, per_class: int, number: int, settings: Settings
) -> Draw:
    """Draw so many training images of each class without replacement; the classes take turns.

    sets: the training and test split of each data set, by name. The first `test_images` of the test split
    are what classifiers are tested on.

    Raises UsageError where a class has fewer.
    """
    train, test = sets[data]
    seed = settings.seed + 100 * per_class + number
    rng = np.random.default_rng(seed)
    of_class = [np.flatnonzero(train.labels == k) for k in range(len(train.classes))]
    if per_class > (most := min(map(len, of_class))):
        raise UsageError(
            f"images_per_class = {per_class}: {data} has {most} of its rarest class; take no more"
        )
    chosen = [rng.choice(members, per_class, replace=False) for members in of_class]
    chosen = np.stack(chosen, axis=1).ravel()
    tested = slice(settings.test_images)
    return Draw(
        *(data, per_class, number, seed, train.classes, train.images[chosen], train.labels[chosen]),
        *(test.images[tested], test.labels[tested], (train.sha256, test.sha256)),
    )


def sources(here: Draw, settings: Settings) -> np.ndarray:
    """Return for each image to synthesise the number of its original: all in turn, as many of each class."""
    classes = len(here.classes)
    limit = settings.synthesised_limit // classes * classes
    number = min(number_to_synthesise(classes, here.per_class), limit)
    return np.arange(number) % len(here.originals)


def synthesise(here: Draw, by: str, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return images made from a draw's originals, uint8 `(n, h, w, c)`, and their class numbers `(n,)`.

    by: "augmentation", which moves each original at random, and in colour mirrors every other; or "gan",
    which trains a conditional generative adversarial network on the originals and draws from it.
    """
    chosen = sources(here, settings)
    kinds = here.labels[chosen]
    if by == "gan":
        options = {"steps": settings.gan_steps, "batch_size": settings.batch_size, "seed": here.seed}
        generator = synthesis.train_gan(here.originals, here.labels, len(here.classes), **options)
        return synthesis.generate(generator, kinds, seed=here.seed), kinds
    rotation, shift, zoom = settings.augmentation
    moves = {"rotation": rotation, "shift": shift, "zoom": zoom, "flip": here.originals.shape[-1] == 3}
    return synthesis.augment(here.originals[chosen], seed=here.seed, **moves), kinds


def build_vae(image_shape: tuple[int, int, int], settings: Settings) -> keras.Model:
    """Build the chapter's variational autoencoder (`models.vae`) at the widths of the settings."""
    first, second, dense, dimensions = settings.vae_widths
    widths = {"filters": (first, second), "dense": dense, "latent": dimensions}
    return vae(image_shape, **widths, beta=settings.beta)


def encode(autoencoder: keras.Model, groups: Sequence[np.ndarray], settings: Settings) -> list[np.ndarray]:
    """Return the latent points of several groups of images, each `(n, latent)`."""
    sample = {"mean": None, "sample": settings.seed}[settings.latent_point]
    points = latent.encode(autoencoder, np.concatenate(groups), sample_seed=sample)
    return np.split(points, np.cumsum([len(group) for group in groups])[:-1])


def fit_spheres(points: np.ndarray, labels: np.ndarray, settings: Settings) -> list[latent.Sphere]:
    """Return a sphere for each class, from the latent points of its originals (`latent.enclosing_sphere`)."""
    options = {"centre": settings.sphere_centre, "metric": settings.sphere_metric}
    return [
        latent.enclosing_sphere(points[labels == k], settings.sphere_share, **options)
        for k in np.unique(labels)
    ]


@dataclass(frozen=True, eq=False)
class Filtered:
    """The synthesised images of one draw, and what the spheres say of them.

    images: the synthesised ones, uint8 `(n, h, w, c)`. kinds: their class numbers. known, new, unseen: latent
    points of originals, synthesised and test images. spheres: one a class.
    """

    here: Draw
    autoencoder: keras.Model
    images: np.ndarray
    kinds: np.ndarray
    known: np.ndarray
    new: np.ndarray
    unseen: np.ndarray
    spheres: Sequence[latent.Sphere]

    @property
    def inside(self) -> np.ndarray:
        """Whether each synthesised image lies in the sphere of its class, bool `(n,)`."""
        return _own(_in_radii(self.spheres, self.new), self.kinds) <= 1

    def radii(self) -> dict[str, np.ndarray]:
        """Return distances from the centres of spheres, in radii, for each group of images in `KEPT`.

        Test images are held against the sphere of their class, and then against all others.
        """
        unseen, labels = _in_radii(self.spheres, self.unseen), self.here.test_labels
        groups = (
            _own(_in_radii(self.spheres, self.known), self.here.labels),
            _own(_in_radii(self.spheres, self.new), self.kinds),
            _own(unseen, labels),
            unseen[labels[:, np.newaxis] != np.arange(len(self.spheres))],
        )
        return dict(zip(KEPT, groups, strict=True))


def _in_radii(spheres: Sequence[latent.Sphere], points: np.ndarray) -> np.ndarray:
    """Return the distances of points from all centres, in radii: `(points, spheres)`."""
    least = np.finfo(np.float32).tiny  # the points of a class may be one point
    return np.stack([s.distances(points) / max(s.radius, least) for s in spheres], axis=1)


def _own(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the distance of each point from the centre of its own class."""
    return distances[np.arange(len(labels)), labels]


def reconstruction_errors(autoencoder: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each image's reconstruction, `(n,)`."""
    return metrics.mse(as_float(images), training.predict(autoencoder, images))


def build_classifier(here: Draw, settings: Settings) -> tuple[keras.Model, keras.optimizers.Optimizer]:
    """Return the small network (`models.classifier`) that all arms of a draw train, with its optimizer."""
    *filters, dense = settings.classifier_widths
    options = {"filters": tuple(filters), "dense": dense}
    network = classifier(here.originals.shape[1:], len(here.classes), **options)
    return network, keras.optimizers.Adam(settings.learning_rate)


def trainings(arm: str, images: int, settings: Settings) -> dict[str, int]:
    """Return after how many steps an arm with so many images is tested, by the name of the quantity."""
    steps = {"accuracy": settings.classifier_steps}
    if arm in BY_PASSES:
        steps["accuracy by passes"] = PASSES * math.ceil(images / settings.batch_size)
    return steps


# --- rows


def untrained(here: Draw) -> Iterator[Row]:
    """Yield the accuracies of two classifiers that need no training, by distance between pixels."""
    originals, tested = (as_float(images).reshape(len(images), -1) for images in (here.originals, here.test))
    classes = np.unique(here.labels)
    means = np.stack([originals[here.labels == k].mean(axis=0) for k in classes])
    for method, known, labels in zip(UNTRAINED, (originals, means), (here.labels, classes), strict=True):
        nearest = KNeighborsClassifier(1).fit(known, labels)
        yield "accuracy", method, nearest.score(tested, here.test_labels)


def of_filter(seen: Filtered) -> Iterator[Row]:
    """Yield the number of images, how well originals and test images are reconstructed, and what is kept.

    "mean image" is the mean original, in place of every image.
    """
    yield "images", "synthesised", len(seen.images)
    mean = as_float(seen.here.originals).mean(axis=0)
    for name, images in {"originals": seen.here.originals, "test images": seen.here.test}.items():
        of_mean = metrics.mse(as_float(images), np.broadcast_to(mean, images.shape))
        yield f"MSE, {name}", "VAE", reconstruction_errors(seen.autoencoder, images).mean()
        yield f"MSE, {name}", "mean image", of_mean.mean()
    for name, values in seen.radii().items():
        yield "share kept", name, (values <= 1).mean()


def changes(seen: Filtered, settings: Settings) -> Iterator[Row]:
    """Yield the mean squared change from an original to its augmented images, of kept and rejected ones."""
    before = seen.here.originals[sources(seen.here, settings)]
    change = metrics.mse(as_float(before), as_float(seen.images))
    for name, chosen in {"kept": seen.inside, "rejected": ~seen.inside}.items():
        if chosen.any():
            yield "change of the original", name, change[chosen].mean()


def lengths(seen: Filtered) -> Iterator[Row]:
    """Yield how far the latent points of each group in `LENGTHS` are from the origin, on average."""
    labels = seen.here.labels
    centres = np.stack([seen.known[labels == k].mean(axis=0) for k in np.unique(labels)])
    for group, points in zip(LENGTHS, (seen.known, seen.new, seen.unseen, centres), strict=True):
        yield "distance from the origin", group, np.linalg.norm(points, axis=1).mean()


def timed(rows: Iterable[Row]) -> Iterator[Row]:
    """Pass rows on, and at the end the seconds that making them took."""
    started = time.perf_counter()
    yield from rows
    yield "seconds", "", time.perf_counter() - started


def measure(
    folder: Path,
    kind: str,
    draws: Iterable[Draw],
    settings: Settings,
    rows: Callable[[Draw], Iterable[Row]],
) -> pd.DataFrame:
    """Return the rows of several draws, with `level` and `seed`; each draw's are kept in a file of its own.

    folder: of the run; a file there is called by `kind`, which is one for each function `rows`.
    """
    tables = []
    for here in draws:

        def compute(here: Draw = here) -> pd.DataFrame:
            return pd.DataFrame(rows(here), columns=["quantity", "method", "value"])

        identity = asdict(settings) | {"data": [*here.sha256]}
        table = results.resumed(folder / f"{kind}-{here.name}.json", identity, compute)
        tables.append(table.assign(level=here.level, seed=here.seed))
    return pd.concat(tables)


# --- tables


def means(rows: pd.DataFrame, quantity: str, methods: Sequence[str]) -> pd.DataFrame:
    """Return means over draws: a row per condition (data set, originals per class), a column per method."""
    chosen = rows[rows["quantity"] == quantity]
    table = chosen.pivot_table("value", "level", "method", sort=False).reindex(columns=methods)
    conditions = table.index.str.extract(r"(.+), (\d+) a class")
    names = conditions[0].map(lambda name: TITLES.get(name, name))
    levels = [names, conditions[1].astype(int)]
    return table.set_axis(pd.MultiIndex.from_arrays(levels, names=["data", "per class"]))


def kept_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the spheres keep of each group in `KEPT`, in per cent, beside what the paper's kept."""
    table = 100 * means(rows, "share kept", KEPT)
    return table.join(paper_table()[["kept, %"]].set_axis(["paper: synthesised"], axis=1))


def table_3(rows: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in per cent, and the paper's: one row per method, one column per condition."""
    table = 100 * means(rows, "accuracy", [*UNTRAINED, *ARMS])
    table = table.join(paper_table()[["before", "after"]].add_prefix("paper, "))
    return _by_method(table)


def gan_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in per cent, one row per arm, and the share of the images that the spheres keep."""
    kept = means(rows, "share kept", ["synthesised"]).set_axis(["(share that the spheres keep)"], axis=1)
    return _by_method(100 * means(rows, "accuracy", ARMS).join(kept))


def reconstruction_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean squared errors of autoencoder and mean original, on originals and on test images."""
    groups = ("originals", "test images")
    return pd.concat({k: means(rows, f"MSE, {k}", ["VAE", "mean image"]) for k in groups}, axis=1)


def _by_method(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename_axis([None, None]).T.rename_axis("method")


def judged(rows: pd.DataFrame, sets: Mapping[str, tuple[ImageSet, ImageSet]]) -> pd.DataFrame:
    """Return what became of the networks (`outcomes.judged`).

    Autoencoders stand beside the mean original, on the originals; classifiers of all arms beside guessing.
    """
    error_rates = 1 - results.means(rows, "accuracy")
    classes = [len(sets[level.rsplit(", ", 1)[0]][0].classes) for level in error_rates]
    error_rates.loc["chance"] = [1 - 1 / number for number in classes]
    autoencoders = outcomes.judged(results.means(rows, "MSE, originals"), ["VAE"], ["mean image"])
    return pd.concat([autoencoders, outcomes.judged(error_rates, ARMS, ["chance"], "error rate")])


def differences(rows: pd.DataFrame, quantity: str = "accuracy") -> pd.DataFrame:
    """Return how far "+ qualified" is ahead of each rival, in points, with Student's intervals.

    Draws are compared within a condition, whose interval is over them. Where conditions are pooled, those of
    a data set and all, each counts once, as the mean of its draws.

    Returns `level`, `rival`, `difference`, `low`, `high`, `number` (of draws or of conditions), `pooled`, and
    `p` of the pooled ones, of a t test over conditions.
    """
    chosen = rows[(rows["quantity"] == quantity) & rows["method"].isin(ARMS)]
    pairs = 100 * chosen.pivot_table("value", ["level", "seed"], "method", sort=False)
    gains = pairs[[rival for rival in RIVALS if rival in pairs]].rsub(pairs["+ qualified"], axis="index")
    conditions = gains.groupby("level", sort=False).mean()
    of_data = conditions.index.str.replace(r", \d+ a class$", "", regex=True)
    groups = [(_shown(level), draws, False) for level, draws in gains.groupby("level", sort=False)]
    groups += [
        (f"{TITLES.get(name, name)}, all", part, True)
        for name, part in conditions.groupby(of_data, sort=False)
    ]
    groups.append(("all", conditions, True))
    found = []
    for level, part, is_pooled in groups:
        for rival, values in part.items():
            p = stats.ttest_1samp(values, 0).pvalue if is_pooled and len(values) > 1 else np.nan
            found.append((level, rival, *statistics.mean_interval(values), len(values), is_pooled, p))
    columns = ["level", "rival", "difference", "low", "high", "number", "pooled", "p"]
    return pd.DataFrame(found, columns=columns)


def pooled(rows: pd.DataFrame, quantity: str = "accuracy") -> pd.DataFrame:
    """Return the pooled rows of `differences` as a page shows them, rival by rival.

    `p` stands beside all conditions together, corrected for being one of several rivals (Holm, 1979).
    """
    table = differences(rows, quantity)
    table = table[table["pooled"]].sort_values(
        "rival", key=lambda rival: rival.map(RIVALS.index), kind="stable"
    )
    p = table["p"].where(table["level"] == "all").dropna()
    table = table.assign(p=pd.Series(statistics.holm(p), p.index, dtype=float))
    table = table.rename(columns={"level": "data", "number": "conditions"}).set_index(["rival", "data"])
    digits = {"difference": 1, "low": 1, "high": 1, "conditions": 0, "p": 3}
    return results.rounded(table[[*digits]], digits)


def _shown(level: str) -> str:
    """Return what a figure calls a level of a record, such as "MNIST, 5"."""
    name, number = level.removesuffix(" a class").rsplit(", ", 1)
    return f"{TITLES.get(name, name)}, {number}"


def share_of_new_points(number: int, dimensions: int, rng: np.random.Generator, repeats: int = 300) -> float:
    """Return the share of new points of a round normal cloud in the sphere round so many known ones.

    The sphere is for 95 % of them; the mean is over `repeats` clouds, each with 50 new points.
    """
    shares = []
    for _ in range(repeats):
        known, new = np.split(rng.standard_normal((number + 50, dimensions)), [number])
        shares.append(latent.enclosing_sphere(known, 0.95).holds(new).mean())
    return float(np.mean(shares))


# --- figures

MOST_DOTS = 100
"""Of a group of images in the latent plane."""


def show_originals(draws: Sequence[Draw]) -> Figure:
    """Show an original of each of the first ten classes, one row per draw."""
    rows = [here.originals[:10] for here in draws]
    return plots.image_grid(rows, row_titles=[here.title for here in draws], size=0.6, compare=None)


def show_synthesised(draws: Sequence[Draw], settings: Settings) -> Figure:
    """Show two originals of each draw, each with images made from it by augmentation."""
    rows = []
    for here in draws:
        images, _ = synthesise(here, "augmentation", settings)
        number = len(here.originals)
        rows += [np.concatenate([here.originals[[k]], images[k::number][:8]]) for k in range(2)]
    return plots.image_grid(rows, column_titles=["original"], size=0.7)


def show_decisions(seen: Sequence[Filtered]) -> Figure:
    """Show the first ten kept and the first ten rejected images of each draw."""
    rows = [one.images[chosen][:10] for one in seen for chosen in (one.inside, ~one.inside)]
    titles = [f"{one.here.title}, {word}" for one in seen for word in ("kept", "rejected")]
    return plots.image_grid(rows, row_titles=titles, size=0.6, compare=None)


def show_plane(seen: Sequence[Filtered], kind: int = 0) -> Figure:
    """Show the latent points of one class of each draw in their two main directions, with its sphere.

    Of each group the first `MOST_DOTS` are shown. The sphere is drawn where it is round: Euclidean metric.

    Raises CompendiumError where the points are no numbers.
    """
    size = (3.4 * len(seen), 4.2)
    fig, axes = plt.subplots(1, len(seen), figsize=size, squeeze=False, layout="constrained")
    for one, axis in zip(seen, axes[0], strict=True):
        groups = _groups(one, kind)
        if not all(np.isfinite(points).all() for points in groups.values()):
            raise CompendiumError("the autoencoder diverged and has no latent points; lower learning_rate")
        plane = PCA(2).fit(np.concatenate([*groups.values()]))
        for (name, points), marker in zip(groups.items(), "o1+.x", strict=True):
            flat = plane.transform(points) if len(points) else np.empty((0, 2))
            axis.scatter(*flat.T, marker=marker, s=20, label=name)
        sphere = one.spheres[kind]
        if sphere.metric == "euclidean":
            middle = plane.transform(sphere.centre[np.newaxis])[0]
            axis.add_patch(plt.Circle(middle, sphere.radius, fill=False, edgecolor="black"))
            axis.autoscale_view()
        title = f"{one.here.title}: {one.here.classes[kind]}"
        axis.set(xlabel="first direction", aspect="equal", title=title)
    axes[0, 0].set_ylabel("second direction")
    plots.one_legend(fig, columns=2, place="outside lower center")
    return fig


def _groups(one: Filtered, kind: int) -> dict[str, np.ndarray]:
    """Return the points of each group of one class, at most so many."""
    of_class, test = one.kinds == kind, one.here.test_labels == kind
    groups = {
        "originals": one.known[one.here.labels == kind],
        "test images of other classes": one.unseen[~test],
        "test images": one.unseen[test],
        "synthesised, kept": one.new[of_class & one.inside],
        "synthesised, rejected": one.new[of_class & ~one.inside],
    }
    return {name: points[:MOST_DOTS] for name, points in groups.items()}


def show_distances(seen: Sequence[Filtered]) -> Figure:
    """Show for each draw which share of the images lies within a distance of a centre, in radii."""
    size = (3.4 * len(seen), 3.6)
    options = {"sharey": True, "squeeze": False, "layout": "constrained"}
    fig, axes = plt.subplots(1, len(seen), figsize=size, **options)
    for one, axis in zip(seen, axes[0], strict=True):
        for (name, radii), style in zip(one.radii().items(), ("-", "--", "-.", ":"), strict=True):
            sns.ecdfplot(radii, ax=axis, label=name, linestyle=style)
        axis.axvline(1, color="black", linewidth=1)
        axis.set(xlabel="distance / radius", ylabel="share within", xlim=(0, 2.5), title=one.here.title)
    plots.one_legend(fig, columns=2, place="outside lower center")
    return fig


def show_loss(curve: pd.DataFrame, values: int) -> Figure:
    """Show the two parts of an autoencoder's loss by passes, in nats per image of so many values."""
    fig, axes = plt.subplots(1, 2, figsize=(6.5, 2.8), layout="constrained")
    for prefix, label in (("", "training images"), ("val_", "test images")):
        whole, part = curve[f"{prefix}loss"], curve[f"{prefix}reconstruction"]
        axes[0].plot(curve["epoch"], values * part, marker="o", label=label)
        axes[1].plot(curve["epoch"], values * (whole - part), marker="o", label=label)
    axes[0].set(xlabel="pass", ylabel="nats per image", title="reconstruction")
    axes[1].set(xlabel="pass", title="divergence, weighted")
    axes[0].legend()
    return fig


def show_differences(table: pd.DataFrame, rivals: Sequence[str] = ("originals only", "+ random")) -> Figure:
    """Show what `differences` gives, a panel a rival; pooled rows have squares in place of dots."""
    size = (6.5, 1.2 + 0.26 * table["level"].nunique())
    options = {"sharex": True, "sharey": True, "layout": "constrained"}
    fig, axes = plt.subplots(1, len(rivals), figsize=size, **options)
    for rival, axis in zip(rivals, axes, strict=True):
        of_rival = table[table["rival"] == rival]
        axis.hlines(of_rival["level"], of_rival["low"], of_rival["high"])
        for pooled, marker in ((False, "o"), (True, "s")):
            rows = of_rival[of_rival["pooled"] == pooled]
            label = "over conditions" if pooled else "over draws"
            axis.scatter(rows["difference"], rows["level"], marker=marker, zorder=3, label=label)
        axis.axvline(0, color="black", linewidth=1)
        axis.set_title(f"minus “{rival}”", fontsize="medium")
        axis.set_xlabel("points of accuracy")
    axes[0].set_xlim(-16, 16)
    axes[0].invert_yaxis()
    plots.one_legend(fig, columns=2)
    return fig
