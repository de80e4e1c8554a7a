"""New images from a few: by random shifts, turns and zooms, or by a generative adversarial network."""

import math

import keras
import numpy as np
from scipy.ndimage import map_coordinates

from compendium import training
from compendium.images import FLOATS, as_float, check_images
from compendium.models.gan import discriminator, generator

CHUNK_PIXELS = 2**20  # moved at a time: about 50 MB of coordinates


def augment(
    images: np.ndarray,
    *,
    seed: int,
    rotation: float = 20,
    shift: float = 0.2,
    zoom: float = 0.2,
    flip: bool = False,
) -> np.ndarray:
    """Turn, shift, zoom and perhaps flip every image at random about its middle.

    The ranges mean what they mean in Keras's `ImageDataGenerator`. Places beyond an edge repeat the nearest
    pixel; values between pixels are interpolated linearly. The motion of an image is a function of `seed` and
    of its index alone.

    Args:
        images: `(n, h, w, c)`, uint8, or float32 or float64 in [0, 1].
        seed: 0 or more.
        rotation: largest angle, in degrees, to either side.
        shift: largest shift along each axis, as a share of its length.
        zoom: each axis is scaled by a factor between 1 - zoom and 1 + zoom; below 1.
        flip: whether images are mirrored left to right, each with probability one half.

    Returns images of the same shape and dtype. Raises ValueError for a range that is negative, or a zoom of 1
    or more, which would turn images inside out.
    """
    if min(rotation, shift, zoom) < 0 or zoom >= 1:
        raise ValueError(f"rotation={rotation}, shift={shift}, zoom={zoom}: give 0 or more, zoom below 1")
    images = check_images(images, dtypes=(np.uint8, *FLOATS))
    number, height, width, channels = images.shape
    matrices, offsets = _random_maps(number, (height, width), seed, rotation, shift, zoom, flip)
    rows_and_columns = np.indices((height, width)).reshape(2, -1)
    moved = np.empty_like(images)
    step = max(1, CHUNK_PIXELS // (height * width))
    for start in range(0, number, step):
        here = slice(start, start + step)
        sources = matrices[here] @ rows_and_columns + offsets[here]
        index = np.broadcast_to(np.arange(len(sources))[:, np.newaxis], sources[:, 0].shape)
        coordinates = np.stack([index, sources[:, 0], sources[:, 1]])
        for channel in range(channels):
            values = map_coordinates(
                images[here, ..., channel].astype(np.float64), coordinates, order=1, mode="nearest"
            ).reshape(-1, height, width)
            moved[here, ..., channel] = values.round() if images.dtype == np.uint8 else values
    return moved


def _random_maps(
    number: int,
    size: tuple[int, int],
    seed: int,
    rotation: float,
    shift: float,
    zoom: float,
    flip: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """For each image a matrix `(2, 2)` and an offset `(2, 1)`: from a pixel to where its value comes from."""
    angle, *moves, mirror = np.random.default_rng(seed).uniform(-1, 1, (number, 6)).T
    angle = np.deg2rad(rotation) * angle
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    scale = 1 + zoom * np.stack(moves[:2], axis=1)
    if flip:
        scale[:, 1] *= np.where(mirror < 0, -1, 1)
    matrices = turn * scale[:, np.newaxis]
    middle = (np.array(size) - 1)[:, np.newaxis] / 2
    shifts = shift * np.stack(moves[2:], axis=1)[..., np.newaxis] * np.array(size)[:, np.newaxis]
    return matrices, middle + shifts - matrices @ middle


def train_gan(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    steps: int,
    batch_size: int,
    seed: int,
    learning_rate: float = 2e-3,
) -> keras.Model:
    """Train a conditional generative adversarial network on a few images; return its generator.

    In each step the discriminator is trained on real images and as many generated ones of the same classes;
    then the generator is trained to have its images taken for real. Source: Goodfellow et al. (2014), and for
    Adam's first decay of 0.5 Radford et al. (2015). Initial weights and draws follow from `seed`.
    The first loss that is no finite number ends the training.

    Args:
        images: `(n, h, w, c)`, uint8, or float in [0, 1]; 4 divides h and w.
        labels: class numbers `(n,)`, from 0 to `classes` - 1.
        classes: number of classes, 2 or more.
        steps: optimizer steps of each of the two networks, 1 or more.
        batch_size: images per step, drawn with replacement.
        seed: 0 or more.
        learning_rate: of both networks.
    """
    training.set_seed(seed)
    forger = generator(images.shape[1:], classes)
    judge = discriminator(images.shape[1:], classes)
    judged_forger = keras.Model(forger.inputs, judge([forger.output, forger.inputs[1]]))
    jit = "auto" if keras.backend.backend() == "jax" else False
    for network in (judge, judged_forger):
        optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.5)
        network.compile(optimizer, "binary_crossentropy", jit_compile=jit)

    rng = np.random.default_rng(seed)
    one_hot = np.eye(classes, dtype=np.float32)
    verdicts = np.repeat([[1.0], [0.0]], batch_size, axis=0)
    for _ in range(steps):
        chosen = rng.integers(len(images), size=batch_size)
        kinds = one_hot[labels[chosen]]
        forged = _draw(forger, kinds, rng)
        shown = np.concatenate([as_float(images[chosen]), forged])
        judge.trainable = True
        loss = judge.train_on_batch([shown, np.concatenate([kinds, kinds])], verdicts)
        judge.trainable = False
        loss += judged_forger.train_on_batch([_noise(forger, batch_size, rng), kinds], verdicts[:batch_size])
        if not math.isfinite(loss):
            break
    return forger


def generate(forger: keras.Model, labels: np.ndarray, *, seed: int) -> np.ndarray:
    """Return one image of each class in `labels`, `(n,)`, from a trained generator: uint8 `(n, h, w, c)`."""
    one_hot = np.eye(forger.input_shape[1][1], dtype=np.float32)
    rng = np.random.default_rng(seed)
    batches = [labels[start : start + 500] for start in range(0, len(labels), 500)]
    images = np.concatenate([_draw(forger, one_hot[batch], rng) for batch in batches])
    return (255 * images).round().astype(np.uint8)


def _draw(forger: keras.Model, one_hot: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    images = forger([_noise(forger, len(one_hot), rng), one_hot], training=False)
    return keras.ops.convert_to_numpy(images)


def _noise(forger: keras.Model, number: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((number, forger.input_shape[0][1]), dtype=np.float32)
