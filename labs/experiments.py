"""What the labs say of experiments that no cell of theirs runs: `python labs/experiments.py NAME`.

A name is that of the lab. Numbers are printed as they stand in the lab's solutions, a line each.
"""

import re
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
import typer
from keras import layers
from scipy import ndimage
from scipy.special import logit

from compendium import baselines, data, noise, project, training
from compendium.images import as_float
from compendium.models import lab_baseline

SEEDS = (0, 1, 2)


def interpolate() -> None:
    """Lab 2: the autoencoder with the mask, a wider code, the input carried round the code."""
    photos = as_float(data.load("photos", "train").images)
    clean = np.random.default_rng(0).permutation(photos)[:1000]
    test = as_float(data.load("photos", "test").images)[:50]
    noisy, noisy_test = (
        noise.salt_pepper(images, fraction=0.3, seed=0, first_index=first)[0]
        for images, first in ((clean, 0), (test, 5000))
    )
    altered = baselines.impulse_mask(noisy_test)
    for name, channels, code, carried in (
        ("as in the lab", 3, 8, False),
        ("mask", 4, 8, False),
        ("code of 512", 3, 32, False),
        ("carried round", 3, 8, True),
        ("carried round, mask", 4, 8, True),
    ):
        for seed in SEEDS:
            training.set_seed(seed)
            network = _autoencoder(channels, code, carried)
            network.compile("adam", "mse", jit_compile=False)
            network.fit(_seen(noisy, channels), clean, batch_size=32, epochs=8, verbose=0)
            output = network.predict(_seen(noisy_test, channels), verbose=0)
            squared = (output - test) ** 2
            put_back = (np.where(altered[..., None], output, noisy_test) - test) ** 2
            print(
                f"{name}, seed {seed}: MSE {squared.mean():.4f}, of altered pixels "
                f"{squared[altered].mean():.4f}, of intact ones {squared[~altered].mean():.4f}, "
                f"with these put back {put_back.mean():.4f}"
            )


def baseline() -> None:
    """Lab 5: how far the outputs fall in 45 steps with all layers in training, or some."""
    clean = as_float(data.load("digits", "train").images[:240])
    noisy = noise.gaussian(clean, sigma=0.5, seed=0, first_index=0)
    for name, held in (("all", slice(0)), ("all but the last", slice(-1, None)), ("the last", slice(-1))):
        for seed in (1, 2, 3):
            training.set_seed(seed)
            network = lab_baseline()
            for layer in [layer for layer in network.layers if layer.weights][held]:
                layer.trainable = False
            network.compile(keras.optimizers.Adam(0.001), "mse", jit_compile=False)
            rng = np.random.default_rng(seed)
            for _ in range(45):
                chosen = rng.integers(240, size=16)
                network.train_on_batch(noisy[chosen], clean[chosen])
            outputs = training.predict(network, noisy[:32]).astype(float).clip(1e-30)
            print(f"in training {name}, seed {seed}: median of z {np.median(logit(outputs)):.1f}")


def separate() -> None:
    """Lab 3: guessed classes and affine maps over four draws of training pairs."""
    test, _, labels = _pairs("test", 300, 0)
    means = (test + _pairs("test", 300, 0)[1]) / 2
    low, high = np.maximum(0, 2 * means - 1), np.minimum(1, 2 * means)
    for seed in range(4):
        digits, photos, classes = _pairs("train", 3000, seed)
        mixed = (digits + photos) / 2
        of_class = np.stack([mixed[classes == one].mean(0) for one in range(10)])
        guessed = ((means[:, None] - of_class) ** 2).sum((2, 3)).argmin(1)
        errors = [
            ((_affine(mixed[:number], digits[:number], means).clip(low, high) - test) ** 2).mean()
            for number in (500, 1000)
        ]
        print(
            f"draw {seed}: {(guessed == labels).mean():.0%} of the classes guessed; with 1,000 pairs "
            f"{errors[1] / errors[0]:.1f} times the error with 500"
        )


def latent() -> None:
    """Lab 6: of other classes at most 5 % in the spheres, how many of the own class at most."""
    source = (project.ROOT / "labs" / "latent.md").read_text(encoding="utf-8")
    given: dict[str, object] = {}
    exec(re.search(r"```{code-cell}\n(.*?)```", source, re.S)[1], given)
    labels, truth = given["labels"], given["test"].labels
    own = {}
    for components in range(1, 50):
        encode = given["latent_space"](given["originals"], components)
        known, unknown = encode(given["originals"]), encode(given["test"].images)
        centres = [known[labels == one].mean(0) for one in range(10)]
        distances = np.stack([np.linalg.norm(unknown - centre, axis=1) for centre in centres], 1)
        for share in np.linspace(0.01, 1, 60):
            radii = [
                np.quantile(np.linalg.norm(known[labels == one] - centres[one], axis=1), share)
                for one in range(10)
            ]
            inside = distances <= radii
            of_own = inside[np.arange(len(truth)), truth]
            if (inside.sum(1) - of_own).mean() / 9 <= 0.05:
                own[components, share] = of_own.mean()
    print(f"at most {max(own.values()):.0%} of the own class, with {max(own, key=own.get)[0]} components")


def _autoencoder(channels: int, code: int, carried: bool) -> keras.Model:
    """Build the lab's network; `carried` gives its input to the last layers, too."""
    same = {"padding": "same", "activation": "relu"}
    images = hidden = keras.Input((32, 32, channels))
    for filters in (32, 8, 8):
        hidden = layers.MaxPooling2D()(layers.Conv2D(filters, 3, **same)(hidden))
    hidden = layers.Conv2D(code, 3, **same)(hidden)
    for _ in range(2):
        hidden = layers.Conv2D(32, 3, **same)(layers.UpSampling2D()(hidden))
    hidden = layers.UpSampling2D()(hidden)
    if carried:
        hidden = layers.Conv2D(32, 3, **same)(layers.Concatenate()([hidden, images]))
    return keras.Model(images, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(hidden))


def _seen(images: np.ndarray, channels: int) -> np.ndarray:
    """Return what a network of so many channels is shown: the images, with a fourth also their mask."""
    if channels == 3:
        return images
    return np.concatenate([images, baselines.impulse_mask(images)[..., None]], -1, dtype=np.float32)


def _pairs(split: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs of a digit and a photo, as the lab does; return both in grey, and the digits' labels."""
    digits, photos = data.load("digits", split), data.load("photos", split)
    rng = np.random.default_rng(seed)
    first, second = (rng.permutation(len(images))[:count] for images in (digits.images, photos.images))
    enlarged = ndimage.zoom(digits.images[first][..., 0] / 255, (1, 32 / 28, 32 / 28), order=1).clip(0, 1)
    return enlarged, as_float(photos.images[second]).mean(-1), digits.labels[first]


def _affine(inputs: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Fit an affine map of images to images with nearly no penalty, and apply it."""
    rows, wanted = inputs.reshape(len(inputs), -1).astype(float), targets.reshape(len(targets), -1)
    centre, mean = rows.mean(0), wanted.mean(0)
    penalty = 1e-6 * np.eye(rows.shape[1])
    weights = np.linalg.solve(
        (rows - centre).T @ (rows - centre) + penalty, (rows - centre).T @ (wanted - mean)
    )
    return ((asked.reshape(len(asked), -1) - centre) @ weights + mean).reshape(asked.shape)


EXPERIMENTS: dict[str, Callable[[], None]] = {
    one.__name__: one for one in (interpolate, separate, baseline, latent)
}


def main(name: Annotated[str, typer.Argument(help=f"One of {', '.join(EXPERIMENTS)}.")]) -> None:
    """Run a lab's experiments."""
    if name not in EXPERIMENTS:
        raise typer.BadParameter(f"no experiments of a lab {name!r}; there are: {', '.join(EXPERIMENTS)}")
    tf.config.threading.set_intra_op_parallelism_threads(1)  # for the same digits on the next machine
    tf.config.threading.set_inter_op_parallelism_threads(1)
    EXPERIMENTS[name]()


if __name__ == "__main__":
    typer.run(main)
