"""The networks of the leaderboard: how each is built and trained.

All are trained alike: Adam on the mean squared error, new noise in each epoch, a fixed number of epochs. The
validation images are evaluated after every epoch and decide nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops

from compendium import training
from compendium.images import as_float
from compendium.leaderboard.methods import Method, Restored, fitted
from compendium.leaderboard.tasks import TEST_SEED, Problem
from compendium.models import cae, dae, dncnn, lab_baseline, partial_unet, unet
from compendium.models.masked import with_intact, with_mask
from compendium.models.partial import PartialConv2D

Shape = tuple[int, int, int]

SECOND_NOISE = 2**32
"""What is added to a seed for the noise of the images that Noise2Noise has as targets."""


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    build: gives a fresh one for images of a shape. target: "clean" images, or "noisy" ones with other noise,
    as Noise2Noise has them. blind: whether it is one network for all levels of the task.
    """

    name: str
    build: Callable[[Shape], keras.Model]
    target: Literal["clean", "noisy"] = "clean"
    blind: bool = False


def _masked_unet(shape: Shape) -> keras.Model:
    *sides, channels = shape
    return with_mask(unet((*sides, channels + 1), channels=channels))


_OF_ALL = (
    Recipe("U-Net", unet),
    Recipe("DnCNN", dncnn),
    Recipe("U-Net, Noise2Noise", unet, target="noisy"),
)
_OF_LEVELS = (Recipe("U-Net, one for all levels", unet, blind=True),)

RECIPES: dict[str, tuple[Recipe, ...]] = {
    "salt-pepper": (
        Recipe("CAE", lambda shape: cae()),
        Recipe("CAE, code of 512", lambda shape: cae(code_channels=32)),
        Recipe("CAE with the mask", lambda shape: with_mask(cae(input_channels=4))),
        Recipe("CAE, intact pixels put back", lambda shape: with_intact(cae())),
        *_OF_ALL,
        *_OF_LEVELS,
        Recipe("U-Net with the mask", _masked_unet),
        Recipe("U-Net with the mask, intact pixels put back", lambda shape: with_intact(_masked_unet(shape))),
        Recipe("U-Net of partial convolutions", partial_unet),
    ),
    "gaussian-mnist": (
        Recipe("DAE_5_13", lambda shape: dae(5, 13)),
        Recipe("the lab's baseline, bias set", lambda shape: _awake(lab_baseline())),
        *_OF_ALL,
    ),
    "gaussian-cifar10": (Recipe("CAE", lambda shape: cae()), *_OF_ALL, *_OF_LEVELS),
}
"""The networks of each task."""


def _awake(network: keras.Model, brightness: float = 0.13) -> keras.Model:
    """Set the output bias to the logit of the images' mean, without which the network may stay black."""
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, np.full_like(bias, np.log(brightness / (1 - brightness)))])
    return network


def method(
    recipe: Recipe,
    *,
    folder: Path,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 0.001,
) -> Method:
    """Return the method that trains a network and restores with it.

    Args:
        recipe: the network.
        folder: of the run, where each training leaves a checkpoint.
        epochs: passes over the training images, 1 or more.
        batch_size: images per step.
        learning_rate: of Adam.
    """

    def restore(problem: Problem, seed: int) -> Restored:
        training.set_seed(seed)
        network = recipe.build(problem.train.shape[1:])
        curve = training.fit(
            network,
            _target(recipe, problem, seed),
            _in_turn(problem, "train") if recipe.blind else problem.noisy_train,
            validation=_validation(recipe, problem),
            epochs=epochs,
            batch_size=batch_size,
            optimizer=keras.optimizers.Adam(learning_rate),
            loss=intact_mse if recipe.target == "noisy" and problem.task.impulse else "mse",
            seed=seed,
            redraw=True,
            checkpoint=folder / f"{_file(recipe, problem)}-{seed}.npz",
        )
        trained = fitted(recipe.name, lambda *_: lambda noisy: training.predict(network, noisy))
        curve = curve.assign(method=recipe.name, level=problem.level, seed=seed)
        spent = float(curve["seconds"].sum())
        return replace(trained.restore(problem, seed), training_seconds=spent, curve=curve)

    return Method(recipe.name, restore, trained=True)


def intact_mse(noisy: Any, restored: Any) -> Any:
    """Mean squared error over the target's pixels that are neither black nor white in all channels.

    With salt-and-pepper noise on the target too, these are its intact ones. Over all pixels the least error
    would be that of the mean of clean and altered values, not of the clean ones.
    """
    altered = ops.logical_or(
        ops.all(noisy == 0.0, axis=-1, keepdims=True), ops.all(noisy == 1.0, axis=-1, keepdims=True)
    )
    intact = 1 - ops.cast(altered, restored.dtype)
    squared = ops.mean(ops.square(noisy - restored), axis=-1, keepdims=True)
    return ops.sum(intact * squared) / ops.maximum(ops.sum(intact), 1)


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


def _target(recipe: Recipe, problem: Problem, seed: int) -> np.ndarray:
    if recipe.target == "clean":
        return problem.train
    return problem.noisy_train(problem.train, seed + SECOND_NOISE)


def _validation(recipe: Recipe, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy and clean validation images: those of the level, or of all levels in turn."""
    clean = problem.validation
    noisy = _in_turn(problem, "validation")(clean, TEST_SEED) if recipe.blind else problem.noisy_validation
    return noisy, as_float(clean)


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
