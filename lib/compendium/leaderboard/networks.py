"""The networks of the leaderboard: how each is built and trained.

All are trained alike: Adam on the mean squared error, a fixed number of epochs, and new noise in each where
clean images are the targets. The validation images are evaluated after every epoch and decide nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pandas as pd
from keras import layers, ops

from compendium import training
from compendium.images import as_float
from compendium.leaderboard.methods import Method, Restored, untrained
from compendium.leaderboard.tasks import TEST_SEED, Problem
from compendium.models import cae, dae, dncnn, lab_baseline, partial_unet, unet
from compendium.models.masked import ImpulseMask, with_filling, with_intact, with_mask
from compendium.models.partial import PartialConv2D

Shape = tuple[int, int, int]

SECOND_NOISE = 2**32
"""What is added to a seed for the noise of the images that Noise2Noise has as targets."""

HIDDEN = 1 / 64
"""Share of the pixels that Noise2Void hides."""

REACH = 2
"""How many pixels away, at most, in each direction, the value is from that takes a hidden pixel's place."""


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    build: gives a fresh one for images of a shape. target: "clean" images; "noisy" ones, the same with other
    noise (Noise2Noise; Lehtinen et al., 2018, arXiv:1803.04189); or "hidden" pixels of the one noisy image
    that there is, which the network does not see (Noise2Void; Krull, Buchholz and Jug, 2019,
    doi:10.1109/CVPR.2019.00223). blind: whether it is one network for all levels of the task.
    """

    name: str
    build: Callable[[Shape], keras.Model]
    target: Literal["clean", "noisy", "hidden"] = "clean"
    blind: bool = False


def _masked_unet(shape: Shape) -> keras.Model:
    *sides, channels = shape
    return with_mask(unet((*sides, channels + 1), channels=channels))


def _filling_unet(shape: Shape) -> keras.Model:
    *sides, channels = shape
    return with_filling(unet((*sides, channels + 1), channels=channels))


_OF_ALL = (
    Recipe("U-Net", unet),
    Recipe("DnCNN", dncnn),
    Recipe("Noise2Noise U-Net", unet, target="noisy"),
    Recipe("Noise2Void U-Net", unet, target="hidden"),
)
_BLIND = Recipe("blind U-Net", unet, blind=True)

RECIPES: dict[str, tuple[Recipe, ...]] = {
    "salt-pepper": (
        Recipe("CAE", lambda shape: cae()),
        Recipe("CAE with a code of 512", lambda shape: cae(code_channels=32)),
        Recipe("CAE with mask", lambda shape: with_mask(cae(input_channels=4))),
        Recipe("CAE with intact pixels put back", lambda shape: with_intact(cae())),
        *_OF_ALL,
        _BLIND,
        Recipe("U-Net with mask", _masked_unet),
        Recipe("U-Net with mask and intact pixels", lambda shape: with_intact(_masked_unet(shape))),
        Recipe("U-Net over interpolation", _filling_unet),
        Recipe("U-Net of partial convolutions", partial_unet),
    ),
    "gaussian-mnist": (
        Recipe("DAE_5_13", lambda shape: _awake(dae(5, 13, initializer="he_uniform"))),
        Recipe("lab's baseline with a bias", lambda shape: _awake(lab_baseline())),
        *_OF_ALL,
    ),
    "gaussian-cifar10": (Recipe("CAE", lambda shape: cae()), *_OF_ALL, _BLIND),
}
"""The networks of each task; no name has a comma, so that names can stand in a list of parameters."""


def _awake(network: keras.Model, brightness: float = 0.13) -> keras.Model:
    """Set the output bias to the logit of the images' mean, without which the network may stay black."""
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, np.full_like(bias, np.log(brightness / (1 - brightness)))])
    return network


@dataclass(frozen=True)
class Trainings:
    """How networks are trained, and where each training leaves its checkpoint.

    folder: of the run. epochs: passes over the training images, 1 or more. batch_size: images per step.
    learning_rate: of Adam.
    """

    folder: Path
    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.001

    def trained(self, recipe: Recipe, problem: Problem, seed: int) -> tuple[keras.Model, pd.DataFrame]:
        """Train a network, or go on with it; return it with its curve: also `method`, `level` and `seed`."""
        lesson = _lesson(recipe, problem, seed)
        training.set_seed(seed)
        network = recipe.build(problem.train.shape[1:])
        curve = training.fit(
            network,
            lesson.reference,
            lesson.corrupt,
            validation=lesson.validation,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=keras.optimizers.Adam(self.learning_rate),
            loss=lesson.loss,
            seed=seed,
            redraw=recipe.target != "noisy",
            checkpoint=self.folder / f"{_file(recipe, problem)}-{seed}.npz",
        )
        level = "all" if recipe.blind else problem.level
        return network, curve.assign(method=recipe.name, level=level, seed=seed)

    def method(self, recipe: Recipe) -> Method:
        """Return the method that trains a network and restores with it."""

        def restore(problem: Problem, seed: int) -> Restored:
            network, curve = self.trained(recipe, problem, seed)
            trained = untrained(recipe.name, lambda noisy: training.predict(network, noisy))
            spent = float(curve["seconds"].sum())
            return replace(trained.restore(problem, seed), training_seconds=spent, curve=curve)

        return Method(recipe.name, restore, trained=True)


def intact_mse(target: Any, restored: Any) -> Any:
    """Mean squared error over the target's pixels that are neither black nor white in all channels.

    With salt-and-pepper noise on the target too, these are its intact ones. Over all pixels the least error
    would be that of the mean of clean and altered values, not of the clean ones.
    """
    return _mse_where(1 - ImpulseMask()(target), target, restored)


@keras.saving.register_keras_serializable("compendium")
def hidden_mse(target: Any, restored: Any) -> Any:
    """Mean squared error over hidden pixels; the last channel of `target` is 1 there, else 0."""
    return _mse_where(target[..., -1:], target[..., :-1], restored)


def hidden_intact_mse(target: Any, restored: Any) -> Any:
    """As `hidden_mse`, without pixels that are black or white in all channels."""
    counted = target[..., -1:] * (1 - ImpulseMask()(target[..., :-1]))
    return _mse_where(counted, target[..., :-1], restored)


def _mse_where(counted: Any, target: Any, restored: Any) -> Any:
    squared = ops.mean(ops.square(target - restored), axis=-1, keepdims=True)
    return ops.sum(counted * squared) / ops.maximum(ops.sum(counted), 1)


def multiply_adds(network: keras.Model) -> int:
    """Return how many multiplications with additions a network needs for one image.

    These are of its convolutions and dense layers, not of what lies between.
    """
    found = 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            found += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.Conv2DTranspose | layers.Dense):
            # each weight is used once for each position of the output, in a transposed one of the input
            side = layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output
            found += int(np.prod(side.shape[1:-1], dtype=int)) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, PartialConv2D):
            positions = int(np.prod(layer.output[0].shape[1:-1], dtype=int))
            found += positions * (int(np.prod(layer.convolution.kernel.shape)) + 9)  # 9: counts intact pixels
    return found


@dataclass(frozen=True)
class _Lesson:
    """What a network learns from, in the terms of `training.fit`."""

    reference: np.ndarray
    corrupt: training.Corruption
    validation: tuple[np.ndarray, np.ndarray]
    loss: str | Callable[..., Any]


def _lesson(recipe: Recipe, problem: Problem, seed: int) -> _Lesson:
    impulse, clean = problem.task.impulse, as_float(problem.validation)
    if recipe.blind:
        noisy = _in_turn(problem, "validation")(problem.validation, TEST_SEED)
        return _Lesson(problem.train, _in_turn(problem, "train"), (noisy, clean), "mse")
    validation = problem.noisy_validation, clean
    if recipe.target == "clean":
        return _Lesson(problem.train, problem.noisy_train, validation, "mse")
    if recipe.target == "noisy":
        other = problem.noisy_train(problem.train, seed + SECOND_NOISE)
        first = problem.noisy_train(problem.train, seed)
        return _Lesson(other, lambda *_: first, validation, intact_mse if impulse else "mse")
    noisy = problem.noisy_train(problem.train, seed)
    shape = (*noisy.shape[:-1], 1)
    hidden = (np.random.default_rng([seed, 1]).random(shape, np.float32) < HIDDEN).astype(np.float32)
    return _Lesson(
        np.concatenate([noisy, hidden], axis=-1),
        _without_hidden,
        (validation[0], np.concatenate([clean, np.ones((*clean.shape[:-1], 1), np.float32)], axis=-1)),
        hidden_intact_mse if impulse else hidden_mse,
    )


def _without_hidden(target: np.ndarray, seed: int) -> np.ndarray:
    """Return noisy images in which each hidden pixel has the value of another nearby.

    target: noisy images, in whose last channel hidden pixels are 1.
    """
    noisy = target[..., :-1].copy()
    image, row, column = np.nonzero(target[..., -1])
    rng = np.random.default_rng([seed, 2])
    steps = [(y, x) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1) if (y, x) != (0, 0)]
    down, right = np.array(steps)[rng.integers(len(steps), size=len(image))].T
    height, width = noisy.shape[1:3]
    # at the border the step is taken the other way
    down = np.where((row + down < 0) | (row + down >= height), -down, down)
    right = np.where((column + right < 0) | (column + right >= width), -right, right)
    noisy[image, row, column] = target[image, row + down, column + right, :-1]
    return noisy


def _in_turn(problem: Problem, part: str) -> training.Corruption:
    """Return the noise of the task's levels, an image each in turn."""
    levels = problem.task.levels.values()

    def corrupt(images: np.ndarray, seed: int) -> np.ndarray:
        noisy = np.empty(images.shape, np.float32)
        for place, noise in enumerate(levels):
            noisy[place :: len(levels)] = noise(images, seed, problem.first[part])[place :: len(levels)]
        return noisy

    return corrupt


def _file(recipe: Recipe, problem: Problem) -> str:
    level = "" if recipe.blind else problem.level
    return re.sub(r"\W+", "-", f"{problem.task.name} {level} {recipe.name}").strip("-")
