"""The mean of two images: pairs, recovered and separated images, their numbers, tables and pictures."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.neighbors import NearestCentroid

from compendium import metrics, outcomes, plots, results, statistics, training
from compendium.data import ImageSet
from compendium.runs import Run

PARTS = ("digit", "photo")
CHANNELS = {"digit": slice(0, 3), "photo": slice(3, 6)}
"""Of a pair `(n, 32, 32, 6)`."""

REPORT = {
    ("PSNR", "digit"): 44.5539,
    ("PSNR", "photo"): 44.5539,
    ("SSIM", "digit"): 0.9954,
    ("SSIM", "photo"): 0.9988,
}
"""The report's table, in its section 6."""

REPORT_MSE = 10 ** (-REPORT["PSNR", "digit"] / 10)
"""Of a recovered image: what the report's PSNR says."""

HIGHEST_PSNR = 60.0
"""In dB, of a part: an error of a quarter of a grey level. Infinity has no mean."""

FLAT = 0.03
"""Standard deviation below which a window counts as flat: the constant C2 of SSIM is its square."""

DEFINITIONS = {
    "PSNR": "scikit-image's peak_signal_noise_ratio, data_range=1, values not clipped",
    "SSIM": "scikit-image's structural_similarity, data_range=1, values not clipped",
    "split": "of held-out pairs: PSNR at most 60 dB, SSIM and MSE, means over pairs",
    "consistent": "the same of splits that the mean image does not contradict",
    "half width": "of the 95 % interval over pairs or seeds, Student's t",
    "PSNR of batches": "mean of the PSNRs of the mean errors of 64 pairs",
}
"""How the record's quantities are computed."""

Arrays = dict[str, np.ndarray]
Number = dict[str, object]
"""A row of a record's metrics: quantity, method, level, seed, value."""


# Pairs


def like_photos(images: np.ndarray, resize: str) -> np.ndarray:
    """Return digits `(n, 28, 28, 1)`, uint8, as `(n, 32, 32, 3)`: padded with black, or as Keras resizes."""
    if resize == "pad":
        larger = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    else:
        larger = keras.ops.image.resize(images.astype(np.float32), (32, 32), interpolation=resize)
        larger = np.rint(keras.ops.convert_to_numpy(larger)).clip(0, 255)
    return np.repeat(larger.astype(np.uint8), 3, axis=-1)


def draw(digits: ImageSet, photos: ImageSet, seed: int, resize: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a digit and a photo drawn at random, each `(1, 32, 32, 3)`, float64 in [0, 1]."""
    rng = np.random.default_rng(seed)
    digit, photo = (rng.integers(len(one.images), size=1) for one in (digits, photos))
    return like_photos(digits.images[digit], resize) / 255, photos.images[photo] / 255


def pair_up(digits: ImageSet, photos: ImageSet, count: int, resize: str) -> np.ndarray:
    """Return `(n, 32, 32, 6)`, uint8: the first digits' channels before those of photos drawn once each.

    At most `count` pairs. Photos are drawn because in the embedded sets the classes come in turn: pairing in
    order would show every 3 over crops of the same photograph.
    """
    count = min(count, len(digits.images), len(photos.images))
    drawn = np.random.default_rng(0).permutation(len(photos.images))[:count]
    return np.concatenate([like_photos(digits.images[:count], resize), photos.images[drawn]], axis=-1)


# What a run keeps


def kept(run: Run, name: str, compute: Callable[[], Arrays]) -> Arrays:
    """Return arrays by name: those in the run's folder, or else what `compute` gives.

    They are kept bit for bit as `name`.json (`results.resumed`). What decides them is the run's parameters,
    but for its lists of seeds, and its data.
    """
    decisive = {
        key: value for key, value in run.parameters.items() if key not in ("seeds", "separator_seeds")
    }
    identity = {"part": name, "parameters": decisive, "data": run.data}

    def as_texts() -> pd.DataFrame:
        return pd.DataFrame(
            [
                {
                    "name": key,
                    "type": array.dtype.str,
                    "shape": " ".join(map(str, array.shape)),
                    "bytes": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
                }
                for key, array in compute().items()
            ]
        )

    table = results.resumed(run.folder / f"{name}.json", identity, as_texts)
    return {
        row["name"]: np.frombuffer(base64.b64decode(row["bytes"]), row["type"]).reshape(
            [int(length) for length in row["shape"].split()]
        )
        for row in table.to_dict("records")
    }


def of_seeds(
    run: Run, name: str, seeds: Iterable[int], compute: Callable[[int], tuple[pd.DataFrame, Arrays]]
) -> tuple[pd.DataFrame, dict[int, Arrays]]:
    """Return the learning curves of several seeds, one below the other, and the arrays of each; see `kept`.

    compute: gives a seed's curve and arrays.
    """
    mark = "curve "  # of a curve's columns among the arrays

    def together(seed: int) -> Arrays:
        curve, arrays = compute(seed)
        return {f"{mark}{column}": curve[column].to_numpy() for column in curve} | arrays

    curves, found = [], {}
    for seed in seeds:
        arrays = kept(run, f"{name}-{seed}", lambda seed=seed: together(seed))
        columns = {key.removeprefix(mark): arrays[key] for key in arrays if key.startswith(mark)}
        curves.append(pd.DataFrame(columns).assign(method=name, seed=seed))
        found[seed] = {key: array for key, array in arrays.items() if not key.startswith(mark)}
    return pd.concat(curves, ignore_index=True), found


def thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """Return some 200 epochs of a learning curve, evenly spaced on a logarithmic axis.

    `seconds` still add up; `lowest` is the lowest validation loss so far, also of epochs left out.
    """
    rows = np.unique(np.geomspace(1, len(curve), 200).astype(int)) - 1
    thin = curve.assign(lowest=curve["val_loss"].cummin(), seconds=curve["seconds"].cumsum()).iloc[rows]
    return thin.assign(seconds=thin["seconds"].diff().fillna(thin["seconds"]))


def largest_difference(network: keras.Model, other: keras.Model, images: np.ndarray) -> float:
    """Return how far the outputs of two networks are apart when the other has got the first one's weights."""
    other.set_weights(network.get_weights())
    first, second = (training.predict(model, images) for model in (network, other))
    return float(np.abs(first - second).max())


# Numbers


def number(quantity: str, method: str, level: str, value: float, seed: int | None = None) -> Number:
    """Return a row of the record."""
    return {"quantity": quantity, "method": method, "level": level, "seed": seed, "value": float(value)}


def with_width(quantity: str, method: str, level: str, interval: statistics.Interval) -> list[Number]:
    """Return an estimate as a row of the record, and half the width of its interval where it has one."""
    rows = [number(quantity, method, level, interval.estimate)]
    if np.isfinite(width := interval.high - interval.estimate):
        rows.append(number(f"{quantity}, half width", method, level, width))
    return rows


def quality(original: np.ndarray, image: np.ndarray) -> dict[str, float]:
    """Return scikit-image's PSNR in dB and SSIM of one image `(h, w, 3)`, which may leave [0, 1]."""
    return {
        "PSNR": peak_signal_noise_ratio(original, image, data_range=1),
        "SSIM": structural_similarity(original, image, data_range=1, channel_axis=-1),
    }


def recovered_numbers(
    original: Mapping[int, Mapping[str, np.ndarray]],
    recovered: Mapping[int, Mapping[str, np.ndarray]],
    method: str = "recovered",
) -> list[Number]:
    """Return PSNR and SSIM of both recovered images `(1, h, w, 3)` of every seed."""
    return [
        number(quantity, method, part, value, seed)
        for seed, images in recovered.items()
        for part, image in images.items()
        for quantity, value in quality(original[seed][part][0], image[0]).items()
    ]


def clipped_numbers(
    original: Mapping[int, Mapping[str, np.ndarray]], recovered: Mapping[int, Mapping[str, np.ndarray]]
) -> list[Number]:
    """Return PSNR and SSIM of the recovered images clipped to [0, 1], and the share of error this removes."""
    clipped = {
        seed: {part: image.clip(0, 1) for part, image in both.items()} for seed, both in recovered.items()
    }
    rows = recovered_numbers(original, clipped, "recovered, clipped")
    for seed, both in recovered.items():
        for part, image in both.items():
            before, after = (
                np.square(one - original[seed][part]).mean() for one in (image, clipped[seed][part])
            )
            rows.append(number("error removed, %", "clipping", part, 100 * (1 - after / before), seed))
    return rows


def best_epoch_numbers(curves: pd.DataFrame) -> list[Number]:
    """Return for every seed the PSNR of both recovered images had training ended at its best epoch.

    Twice the network's error, so four times its `lowest` mean square (see `thinned`).
    """
    return [
        number("PSNR", "recovered, best epoch", "both", -10 * np.log10(4 * lowest), seed)
        for seed, lowest in curves.groupby("seed")["lowest"].min().items()
    ]


def stand_ins(mean: np.ndarray, output: np.ndarray) -> dict[str, np.ndarray]:
    """Return images `(1, h, w, 3)` to put in the place of the network's output, that among them."""
    return {
        "the mean image itself": mean,
        "the mean image in bytes": np.rint(255 * mean) / 255,
        "the network's output": output,
        "the mean image, blurred": ndimage.gaussian_filter(mean, (0, 1, 1, 0)),
        "its mean colour": np.broadcast_to(mean.mean(axis=(1, 2), keepdims=True), mean.shape),
        "a black image": np.zeros_like(mean),
    }


def stand_in_numbers(
    mean: np.ndarray, output: np.ndarray, original: Mapping[str, np.ndarray]
) -> list[Number]:
    """Return what is recovered with each of `stand_ins` in the place of the network's output.

    Its own PSNR in dB, the PSNR of both recovered images, which is one number, and the SSIM of each.
    """
    rows = []
    for name, image in stand_ins(mean, output).items():
        digit = quality(original["digit"][0], (2 * image - original["photo"])[0])
        photo = quality(original["photo"][0], (2 * image - original["digit"])[0])
        with np.errstate(divide="ignore"):
            own = -10 * np.log10(np.square(image - mean).mean())
        rows += [
            number("PSNR, stand-in", name, "itself", own),
            number("PSNR, stand-in", name, "both parts", digit["PSNR"]),
            number("SSIM, stand-in", name, "digit", digit["SSIM"]),
            number("SSIM, stand-in", name, "photo", photo["SSIM"]),
        ]
    return rows


def one_image_outcomes(mean: Mapping[int, np.ndarray], output: Mapping[int, np.ndarray]) -> pd.DataFrame:
    """Judge each seed's network on its one image: it learnt if ahead of black and of the mean colour."""
    rows = []
    for seed, image in mean.items():
        colour = image.mean(axis=(1, 2), keepdims=True)
        answers = {"autoencoder": output[seed], "black image": np.zeros_like(image), "mean colour": colour}
        errors = {name: np.square(answer - image).mean() for name, answer in answers.items()}
        column = pd.DataFrame({"one image": errors})
        rows.append(outcomes.judged(column, ["autoencoder"], [*answers][1:]).assign(seed=seed))
    return pd.concat(rows)


# Splits of a mean image


def subtracted(digit: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return a split `(n, h, w, 6)`: an estimated digit, `(n, h, w, 3)` or one for all, and twice the mean
    images `given` less it, clipped to [0, 1].
    """
    digit = np.broadcast_to(digit, given.shape)
    return np.concatenate([digit, (2 * given - digit).clip(0, 1)], axis=-1)


def consistent_split(digit: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the nearest digit that a mean image allows, and the photo that it leaves, `(n, h, w, 6)`.

    digit: estimates `(n, h, w, 3)`; made grey first, for a digit has three equal channels. given: the mean
    images. The photo's values, twice the mean less the digit, must lie in [0, 1].
    """
    grey = digit.mean(axis=-1, keepdims=True)
    lowest = (2 * given.max(axis=-1, keepdims=True) - 1).clip(0, None)
    highest = (2 * given.min(axis=-1, keepdims=True)).clip(None, 1)
    possible = np.repeat(grey.clip(lowest, highest), 3, axis=-1)
    return np.concatenate([possible, 2 * given - possible], axis=-1)


def scored(split: np.ndarray, pairs: np.ndarray, given: np.ndarray, shown: Sequence[int]) -> Arrays:
    """Measure a split of held-out mean images, and the consistent split that its digit gives.

    Args:
        split: digits and photos, `(n, h, w, 6)`, in [0, 1].
        pairs: the true ones, uint8.
        given: the mean images, `(n, h, w, 3)`.
        shown: indices of pairs whose splits are returned as pictures.

    Returns for the kinds "split" and "consistent" and each part: "split MSE digit" and "split SSIM digit",
    `(n,)`, float32; "split on the stroke digit" and "split off the stroke digit", mean squared errors where
    the true digit is not black and where it is; and "split shown", uint8.
    """
    stroke = pairs[..., 0] > 0
    found = {}
    for kind, both in (("split", split), ("consistent", consistent_split(split[..., :3], given))):
        for part, channels in CHANNELS.items():
            truth, image = pairs[..., channels] / 255, both[..., channels]
            found[f"{kind} MSE {part}"] = metrics.mse(truth, image).astype(np.float32)
            found[f"{kind} SSIM {part}"] = metrics.ssim(truth, image).astype(np.float32)
            squared = np.square(image - truth).mean(axis=-1)
            found[f"{kind} on the stroke {part}"] = squared[stroke].mean(keepdims=True)
            found[f"{kind} off the stroke {part}"] = squared[~stroke].mean(keepdims=True)
        found[f"{kind} shown"] = np.rint(255 * both[shown]).clip(0, 255).astype(np.uint8)
    return found


Scores = Mapping[str, Mapping[int, Arrays]]
"""By method and seed, what `scored` returns; a method without training has the seed 0."""


def per_pair(versions: Mapping[int, Arrays], quantity: str, part: str, kind: str = "split") -> np.ndarray:
    """Return PSNR in dB, 60 at most, SSIM or MSE of one part of every pair, `(seeds, n)`, float64."""
    measured = "MSE" if quantity == "PSNR" else quantity
    values = np.stack([arrays[f"{kind} {measured} {part}"] for arrays in versions.values()]).astype(float)
    if quantity != "PSNR":
        return values
    with np.errstate(divide="ignore"):
        return (-10 * np.log10(values)).clip(None, HIGHEST_PSNR)


def split_numbers(scores: Scores, kind: str = "split") -> list[Number]:
    """Return PSNR, SSIM and MSE of every method and part: means over seeds, then over pairs, with widths."""
    return [
        row
        for quantity in ("PSNR", "SSIM", "MSE")
        for method, versions in scores.items()
        for part in PARTS
        for row in with_width(
            f"{kind} {quantity}",
            *(method, part),
            statistics.mean_interval(per_pair(versions, quantity, part, kind).mean(axis=0)),
        )
    ]


def gain_numbers(scores: Scores, ahead: str, behind: str, kind: str = "split") -> list[Number]:
    """Return by how many dB one method is ahead of another, pair by pair, means over seeds, with widths."""
    quantity = "PSNR gained" if kind == "split" else f"PSNR gained, {kind}"
    return _gains(quantity, f"{ahead}, over {behind}", (scores[ahead], kind), (scores[behind], kind))


def subtraction_gains(scores: Scores, method: str) -> list[Number]:
    """Return what a consistent split gains over the same method's split as it was, in dB."""
    both = ((scores[method], kind) for kind in ("consistent", "split"))
    return _gains("PSNR gained, consistent", f"{method}, over itself", *both)


def _gains(
    quantity: str,
    name: str,
    ahead: tuple[Mapping[int, Arrays], str],
    behind: tuple[Mapping[int, Arrays], str],
) -> list[Number]:
    rows = []
    for part in PARTS:
        first, second = (
            per_pair(versions, "PSNR", part, kind).mean(axis=0) for versions, kind in (ahead, behind)
        )
        compared = statistics.paired_comparison(first, second)
        rows += with_width(quantity, name, part, statistics.Interval(*compared[:3]))
    return rows


def seed_numbers(scores: Scores, ahead: str, behind: str | None = None) -> list[Number]:
    """Return a network's mean PSNR in dB over seeds, or its lead over another method, with widths."""
    rows = []
    for part in PARTS:
        values = per_pair(scores[ahead], "PSNR", part).mean(axis=1)
        if behind:
            values = values - per_pair(scores[behind], "PSNR", part).mean(axis=1)
        name = f"{ahead}, over {behind}" if behind else ahead
        rows += with_width("PSNR over seeds", name, part, statistics.mean_interval(values))
    return rows


def separator_outcomes(scores: Scores, network: str) -> pd.DataFrame:
    """Judge a separating network: it learnt if it is ahead of the answers that ignore what is given."""
    trivial = ["both halves", "black images", "data-set means"]
    errors = pd.DataFrame(
        {
            part: {name: per_pair(scores[name], "MSE", part).mean() for name in (network, *trivial)}
            for part in PARTS
        }
    )
    return outcomes.judged(errors, [network], trivial)


def stroke_numbers(scores: Scores, methods: Sequence[tuple[str, str]]) -> list[Number]:
    """Return the mean squared error on the stroke and off it, means over seeds, of (method, kind) each."""
    return [
        number(
            f"MSE {place} the stroke",
            method if kind == "split" else f"{method}, {kind}",
            part,
            np.mean([arrays[f"{kind} {place} the stroke {part}"] for arrays in scores[method].values()]),
        )
        for method, kind in methods
        for part in PARTS
        for place in ("on", "off")
    ]


def batch_numbers(scores: Scores, methods: Sequence[str]) -> list[Number]:
    """Return the PSNR of the mean error of each 64 pairs, averaged over these batches and over seeds."""
    rows = []
    for kind in ("split", "consistent"):
        for method in methods:
            for part in PARTS:
                errors = per_pair(scores[method], "MSE", part, kind)
                batches = [errors[:, start : start + 64] for start in range(0, errors.shape[1], 64)]
                value = np.mean([-10 * np.log10(batch.mean(axis=1)) for batch in batches])
                name = method if kind == "split" else f"{method}, {kind}"
                rows.append(number("PSNR of batches", name, part, value))
    return rows


def class_means(pairs: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the mean digit of each class, `(classes, h, w, 3)`, float32 in [0, 1], of pairs of bytes."""
    digits = pairs[..., CHANNELS["digit"]].astype(np.float32) / 255
    return np.stack([digits[labels == label].mean(axis=0) for label in range(classes)])


def nearest_class(known: np.ndarray, labels: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return for each mean image `given` the digit whose known mean images have the nearest mean, `(n,)`."""
    nearest = NearestCentroid().fit(known.reshape(len(known), -1), labels)
    return nearest.predict(given.reshape(len(given), -1))


# Other questions


def on_other_images(outputs: np.ndarray, given: np.ndarray, own: np.ndarray, shown: Sequence[int]) -> Arrays:
    """Measure what a network that was trained on one image makes of others.

    outputs: `(n, h, w, 3)`. given: the images. own: its training image, `(1, h, w, 3)`. Returns "PSNR" in
    dB of the outputs, clipped to [0, 1], for the images given, and "closer": whether an output is closer to
    its training image, both `(n,)`; and "shown", the outputs of those indices as bytes.
    """
    to_given, to_own = (np.square(outputs - image).mean(axis=(1, 2, 3)) for image in (given, own))
    outputs = outputs.clip(0, 1)
    return {
        "PSNR": metrics.psnr(given, outputs),
        "closer": to_own < to_given,
        "shown": np.rint(255 * outputs[shown]).astype(np.uint8),
    }


def other_image_numbers(found: Arrays, given: np.ndarray, own: np.ndarray) -> list[Number]:
    """Return PSNR on other images, of the network and of answers without one, and the share "closer"."""
    colour = np.broadcast_to(given.mean(axis=(1, 2), keepdims=True), given.shape)
    always = np.broadcast_to(own, given.shape).astype(np.float32)
    values = {
        "the network": found["PSNR"],
        "always its training image": metrics.psnr(given, always),
        "the mean colour": metrics.psnr(given, colour),
    }
    rows = []
    for method, psnr in values.items():
        interval = statistics.mean_interval(psnr)
        rows += with_width("PSNR on other mean images", method, "mean image", interval)
    share = statistics.proportion_interval(int(found["closer"].sum()), len(found["closer"]))
    rows += [
        number("closer to the training image, %", "the network", level, 100 * value)
        for level, value in zip(("share", "from", "to"), share, strict=True)
    ]
    return rows


def equal_errors(pairs: np.ndarray, own_error: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return the SSIM of digits and photos that all have the same error, of the report's mean square.

    pairs: `(n, h, w, 6)`, uint8. own_error: `(h, w, 3)`, of a recovered image. The errors are that one,
    scaled, and normal noise. By (error, part), `(n,)`.
    """
    errors = {
        "error of R, scaled": own_error / np.sqrt(np.square(own_error).mean()),
        "normal noise": np.random.default_rng(0).normal(size=own_error.shape),
    }
    return {
        (name, part): np.array(
            [
                quality(image, image + np.sqrt(REPORT_MSE) * error)["SSIM"]
                for image in pairs[..., channels] / 255
            ]
        )
        for name, error in errors.items()
        for part, channels in CHANNELS.items()
    }


def equal_error_numbers(similarity: Mapping[tuple[str, str], np.ndarray]) -> list[Number]:
    """Return for each kind of error mean SSIMs, how often the digit's is lower, and who has the report's."""
    rows = []
    for name in dict.fromkeys(name for name, _ in similarity):
        of_digits, of_photos = (similarity[name, part] for part in PARTS)
        low = statistics.proportion_interval(int((of_digits < of_photos).sum()), len(of_digits))
        values = {
            "SSIM, digits": of_digits.mean(),
            "SSIM, photos": of_photos.mean(),
            "digit lower, %": 100 * low.estimate,
            "from": 100 * low.low,
            "to": 100 * low.high,
            "digits at 0.9954, %": 100 * (of_digits >= REPORT["SSIM", "digit"]).mean(),
            "photos at 0.9988, %": 100 * (of_photos >= REPORT["SSIM", "photo"]).mean(),
        }
        rows += [number(quantity, name, "equal error", value) for quantity, value in values.items()]
    return rows


def flat_share(images: np.ndarray) -> np.ndarray:
    """Return the share of 7x7 windows whose standard deviation is below `FLAT`, `(n,)`; images in [0, 1]."""
    window = (1, 7, 7, 1)
    average = ndimage.uniform_filter(images, window)
    variance = ndimage.uniform_filter(images**2, window) - average**2
    return (variance[:, 3:-3, 3:-3] < FLAT**2).mean(axis=(1, 2, 3))


# Tables


def layer_table(network: keras.Model) -> pd.DataFrame:
    """Return the shapes of a network's weights beside those that the report prints, one row per layer.

    One reversal of Keras's axes gives the order of PyTorch's, for convolutions and transposed ones alike.
    """
    kernels = [layer.kernel.shape for layer in network.layers]
    in_order = [(out, into, height, width) for height, width, into, out in kernels]
    names = [f"{half}.{place}" for half in ("encoder", "decoder") for place in (0, 2, 4)]
    return pd.DataFrame(
        {
            "layer": [type(layer).__name__ for layer in network.layers],
            "printed": ["16x3x3x3", "32x16x3x3", "64x32x7x7", "64x32x7x7", "32x16x3x3", "16x3x3x3"],
            "here": ["x".join(map(str, shape)) for shape in in_order],
            "in Keras": ["x".join(map(str, shape)) for shape in kernels],
            "parameters": [layer.count_params() for layer in network.layers],
        },
        index=pd.Index(names, name="weight"),
    )


def recovered_table(numbers: Sequence[Number], method: str = "recovered") -> pd.DataFrame:
    """Return PSNR and SSIM of both recovered images, one row per seed, below the report's, as text."""
    rows = pd.DataFrame(numbers)
    chosen = rows[(rows["method"] == method) & rows["quantity"].isin(["PSNR", "SSIM"])]
    ours = _by_pair(chosen.pivot(index="seed", columns=["quantity", "level"], values="value"))
    report = pd.DataFrame([REPORT.values()], columns=pd.MultiIndex.from_tuples(REPORT), index=["the report"])
    return results.rounded(pd.concat([report, ours[[*REPORT]]]).rename_axis("pair"), 4)


def stand_in_table(numbers: Sequence[Number]) -> pd.DataFrame:
    """Return `stand_in_numbers`, one row per stand-in, as text."""
    rows = pd.DataFrame(numbers)
    chosen = rows[rows["quantity"].isin(["PSNR, stand-in", "SSIM, stand-in"])]
    table = chosen.pivot(index="method", columns=["quantity", "level"], values="value")
    table = table.loc[chosen["method"].unique()].rename_axis("in place of R")
    return results.rounded(table, {"PSNR, stand-in": 2, "SSIM, stand-in": 4})


def best_epoch_table(numbers: Sequence[Number]) -> pd.DataFrame:
    """Return the PSNR of the recovered images at the last epoch and at the best, a row per seed, as text."""
    methods = {"recovered": "last epoch", "recovered, best epoch": "best epoch"}
    rows = pd.DataFrame(numbers)
    chosen = rows[(rows["quantity"] == "PSNR") & rows["method"].isin(methods)]
    # of a network that diverged, the numbers are missing and stay so
    table = chosen.pivot_table(index="seed", columns="method", values="value", dropna=False)[[*methods]]
    return results.rounded(_by_pair(table.rename(columns=methods)), 2)


def clipped_table(numbers: Sequence[Number]) -> pd.DataFrame:
    """Return PSNR and SSIM of the clipped images and the error removed, %, a row per seed, as text."""
    rows = pd.DataFrame(numbers)
    chosen = rows[rows["method"].isin(["recovered, clipped", "clipping"])]
    table = _by_pair(chosen.pivot(index="seed", columns=["quantity", "level"], values="value"))
    return results.rounded(table.sort_index(axis=1), {"PSNR": 2, "SSIM": 4, "error removed, %": 0})


def _by_pair(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table by seed with names for its rows, each of which is one pair of images."""
    return table.set_axis([f"seed {seed:.0f}" for seed in table.index]).rename_axis("pair")


def estimates(numbers: Sequence[Number], rows: Mapping[str, tuple[str, str]], digits: int) -> pd.DataFrame:
    """Return numbers as text, each with ± and half the width of its interval where it has one.

    rows: (quantity, method), by the name that a row gets. Columns are the levels that the numbers have.
    """
    known = {(row["quantity"], row["method"], row["level"]): row["value"] for row in numbers}

    def text(quantity: str, method: str, level: str) -> str:
        value, width = (known.get((name, method, level)) for name in (quantity, f"{quantity}, half width"))
        if value is None:
            return ""
        return f"{value:z.{digits}f}" + ("" if width is None else f" ± {width:.{digits}f}")

    levels = dict.fromkeys(level for *which, level in known if tuple(which) in rows.values())
    table = {level: [text(*which, level) for which in rows.values()] for level in levels}
    return pd.DataFrame(table, index=pd.Index(rows, name="method"))


def split_table(numbers: Sequence[Number], methods: Sequence[str], kind: str = "split") -> pd.DataFrame:
    """Return PSNR in dB and SSIM of digits and photos as each method splits them, as text."""
    groups = {
        quantity: estimates(numbers, {name: (f"{kind} {quantity}", name) for name in methods}, digits)
        for quantity, digits in (("PSNR", 2), ("SSIM", 3))
    }
    return pd.concat(groups, axis=1)


def equal_error_table(numbers: Sequence[Number]) -> pd.DataFrame:
    """Return `equal_error_numbers`, one row per kind of error, as text."""
    rows = pd.DataFrame(numbers)
    chosen = rows[rows["level"] == "equal error"]
    table = chosen.pivot(index="method", columns="quantity", values="value")
    table = table[chosen["quantity"].unique()].rename_axis("error")
    return results.rounded(table, {name: 4 if "SSIM" in name else 1 for name in table})


def other_image_table(numbers: Sequence[Number]) -> pd.DataFrame:
    """Return the PSNR on other mean images with its width, and the share of outputs "closer", as text."""
    quantity = "PSNR on other mean images"
    methods = dict.fromkeys(row["method"] for row in numbers if row["quantity"] == quantity)
    table = estimates(numbers, {method: (quantity, method) for method in methods}, 2)
    of_share = [row["value"] for row in numbers if row["quantity"] == "closer to the training image, %"]
    share = "{:.1f} ({:.1f} to {:.1f})".format(*of_share)
    return table.set_axis(["PSNR"], axis=1).assign(closer=[share, *[""] * (len(table) - 1)])


def stroke_table(numbers: Sequence[Number]) -> pd.DataFrame:
    """Return `stroke_numbers`, one row per method, as text."""
    rows = pd.DataFrame(numbers)
    chosen = rows[rows["quantity"].str.endswith("the stroke")]
    table = chosen.pivot(index="method", columns=["quantity", "level"], values="value")
    columns = [(f"MSE {place} the stroke", part) for place in ("on", "off") for part in PARTS]
    return results.rounded(table.loc[chosen["method"].unique(), columns], 4)


def batch_table(numbers: Sequence[Number], published: Mapping[str, float]) -> pd.DataFrame:
    """Return `batch_numbers` below a published network's, by part, as text."""
    rows = pd.DataFrame(numbers)
    theirs = pd.DataFrame(published, index=["ResNet-50, two decoders (published)"])
    return results.rounded(
        pd.concat([theirs, results.means(rows, "PSNR of batches")]).rename_axis("method"), 2
    )


# Pictures


def draw_losses(curves: pd.DataFrame) -> Figure:
    """Draw the loss on the one image over the epochs, a line per seed, on linear and on logarithmic axes."""
    fig, axes = plt.subplots(1, 2, figsize=(6.5, 3), layout="constrained")
    for axis, scale in zip(axes, ("linear", "log"), strict=True):
        sns.lineplot(curves.astype({"seed": str}), x="epoch", y="val_loss", hue="seed", ax=axis)
        axis.axhline(REPORT_MSE / 4, color="black", linestyle="--", linewidth=1)
        axis.set(title=f"{scale} axes", xscale=scale, yscale=scale, ylabel="MSE on the one image")
    return fig


def draw_recovered(
    mean: Mapping[int, np.ndarray],
    output: Mapping[int, np.ndarray],
    recovered: Mapping[int, Mapping[str, np.ndarray]],
    original: Mapping[int, Mapping[str, np.ndarray]],
) -> Figure:
    """Draw for each seed the mean image, the network's output, both recovered images and the originals."""
    rows = [
        np.concatenate(
            [
                *(mean[seed], output[seed]),
                *(recovered[seed]["digit"], original[seed]["digit"]),
                *(recovered[seed]["photo"], original[seed]["photo"]),
            ]
        ).clip(0, 1)
        for seed in mean
    ]
    titles = ["mean", "R", "2R − photo", "digit", "2R − digit", "photo"]
    return plots.image_grid(
        rows, row_titles=[f"seed {seed}" for seed in mean], column_titles=titles, compare="columns"
    )


def draw_splits(rows: Mapping[str, np.ndarray]) -> Figure:
    """Draw images in rows with a title each: bytes, or floats, which are clipped to [0, 1]."""
    return plots.image_grid(
        [images if images.dtype == np.uint8 else images.clip(0, 1) for images in rows.values()],
        row_titles=[*rows],
    )


def draw_separator_curves(curves: pd.DataFrame) -> Figure:
    """Draw the loss on held-out pairs over the epochs, a line per network and seed."""
    fig, axis = plt.subplots(figsize=(5, 3), layout="constrained")
    sns.lineplot(
        curves, x="epoch", y="val_loss", hue="method", style="method", units="seed", estimator=None, ax=axis
    )
    axis.set(yscale="log", ylabel="MSE on held-out pairs")
    plots.decimal_ticks(axis.yaxis)
    plots.one_legend(fig, columns=2)
    return fig


def draw_flat(pairs: np.ndarray, similarity: Mapping[tuple[str, str], np.ndarray]) -> Figure:
    """Draw SSIM under normal noise against the share of flat windows, a dot per digit or photo."""
    fig, axis = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
    for part, marker in zip(PARTS, "o^", strict=True):
        axis.plot(
            flat_share(pairs[..., CHANNELS[part]] / 255),
            similarity["normal noise", part],
            marker,
            markersize=4,
            alpha=0.5,
            label=part,
        )
        axis.axhline(REPORT["SSIM", part], color="black", linestyle="--", linewidth=1)
    axis.set(xlabel="share of flat windows", ylabel="SSIM")
    axis.legend()
    return fig
