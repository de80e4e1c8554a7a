"""The leaderboard's tasks: which images, which noise, and who may see what.

A method learns from the training images and makes every choice on the validation images. The test images it
sees once, noisy, with noise of one seed, so that all methods restore the same pixels.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from skimage.util import random_noise

from compendium import noise
from compendium.data import ImageSet
from compendium.errors import CompendiumError, UsageError, unknown
from compendium.images import as_float

TEST_SEED = 42
"""Seed of the noise on test and validation images."""

VALIDATION_SHARE = {"cifar10": 5000, "mnist": 5000, "photos": 400, "digits": 400}
"""How many of a data set's training images, the last ones, are for validation."""

Noise = Callable[[np.ndarray, int, int], np.ndarray]
"""`noise(images, seed, first_index)`: bytes (n, h, w, c) -> noisy float32 images of this shape."""


def _salt_pepper(images: np.ndarray, seed: int, first_index: int, *, fraction: float) -> np.ndarray:
    noisy, _ = noise.salt_pepper(images, fraction=fraction, seed=seed, first_index=first_index)
    return as_float(noisy)


def _gaussian(
    images: np.ndarray, seed: int, first_index: int, *, sigma: float, clip: bool = True
) -> np.ndarray:
    return noise.gaussian(images, sigma=sigma, seed=seed, first_index=first_index, clip=clip)


def _random_noise(images: np.ndarray, seed: int, first_index: int, *, mode: str) -> np.ndarray:
    """scikit-image's `random_noise` with its own settings, each image with random numbers of its own."""
    rngs = (np.random.default_rng([seed, first_index + i]) for i in range(len(images)))
    noisy = [random_noise(image / 255, mode, rng=rng) for image, rng in zip(images, rngs, strict=True)]
    return np.array(noisy, np.float32).reshape(images.shape)


def _random_values(images: np.ndarray, seed: int, first_index: int, *, fraction: float) -> np.ndarray:
    """Pixels take a random colour, each channel by itself; the pixels are those of salt-and-pepper noise."""
    _, altered = noise.salt_pepper(images, fraction=fraction, seed=seed, first_index=first_index)
    rngs = (np.random.default_rng([seed, first_index + i, 1]) for i in range(len(images)))
    colours = np.array([rng.random(images.shape[1:], np.float32) for rng in rngs]).reshape(images.shape)
    return np.where(altered[..., np.newaxis], colours, as_float(images))


OTHER_NOISE: Mapping[str, Noise] = {
    "Poisson": partial(_random_noise, mode="poisson"),
    "speckle": partial(_random_noise, mode="speckle"),
    "random values, 30 %": partial(_random_values, fraction=0.3),
}
"""Noise of no task, on which methods of the tasks are tried."""


@dataclass(frozen=True)
class Task:
    """What is to be restored.

    name: as the command line has it. real, embedded: the data set of the leaderboard, and the one that needs
    no download. levels: by name, the noise. impulse: whether noise alters some pixels and leaves the others
    as they are.
    """

    name: str
    real: str
    embedded: str
    levels: Mapping[str, Noise]
    impulse: bool


TASKS = {
    task.name: task
    for task in (
        Task(
            "salt-pepper",
            "cifar10",
            "photos",
            {f"{100 * share:.0f} %": partial(_salt_pepper, fraction=share) for share in (0.3, 0.6, 0.9)},
            impulse=True,
        ),
        Task(
            "gaussian-mnist",
            "mnist",
            "digits",
            {"sigma 0.5": partial(_gaussian, sigma=0.5)},
            impulse=False,
        ),
        Task(
            "gaussian-cifar10",
            "cifar10",
            "photos",
            {f"sigma {n}/255": partial(_gaussian, sigma=n / 255, clip=False) for n in (25, 50)},
            impulse=False,
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Problem:
    """A task at one level of noise, on the images of one data set.

    train, validation, test: clean images, bytes (n, h, w, c). first: index of the first image of each of
    these in the data set, on which its noise rests.
    """

    task: Task
    level: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    first: Mapping[str, int]

    def noisy_train(self, images: np.ndarray, seed: int) -> np.ndarray:
        """Return training images with the noise of a seed, float32; `training.fit` takes this function."""
        return self.task.levels[self.level](images, seed, self.first["train"])

    @cached_property
    def noisy_validation(self) -> np.ndarray:
        """The noisy validation images, float32, not writeable."""
        return self._noisy("validation")

    @cached_property
    def noisy_test(self) -> np.ndarray:
        """The noisy test images, float32, not writeable."""
        return self._noisy("test")

    @property
    def noise_hash(self) -> str:
        """A hash of the first noisy test images, to 1/1000, so that it is the same on every machine."""
        steps = np.rint(self.noisy_test[:HASHED] * 1000).astype("<i4")
        return hashlib.sha256(steps.tobytes()).hexdigest()[:16]

    def _noisy(self, part: str) -> np.ndarray:
        noisy = self.task.levels[self.level](getattr(self, part), TEST_SEED, self.first[part])
        noisy.flags.writeable = False
        return noisy


def task(name: str) -> Task:
    """Return the task of that name; raises UsageError for an unknown one."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def problems(
    of: Task,
    train: ImageSet,
    test: ImageSet,
    *,
    train_images: int | None = None,
    test_images: int | None = None,
) -> dict[str, Problem]:
    """Return the problems of a task, by its levels.

    Args:
        of: the task.
        train: the training split of one of its two data sets.
        test: its test split.
        train_images: how many of the images to train on, from the first on; all without.
        test_images: how many of the test images, likewise.

    Raises UsageError for a data set that is not the task's; CompendiumError where the noise is another than
    on the machine that made the leaderboard.
    """
    if train.name not in (of.real, of.embedded):
        raise UsageError(
            f'{train.name}: the task {of.name} has the data sets "{of.embedded}" and "{of.real}"; '
            "name one of these"
        )
    learnt = len(train.images) - VALIDATION_SHARE[train.name]
    found = {
        level: Problem(
            of,
            level,
            train=train.images[:learnt][:train_images],
            validation=train.images[learnt:],
            test=test.images[:test_images],
            first={"train": 0, "validation": learnt, "test": len(train.images)},
        )
        for level in of.levels
    }
    for level, problem in found.items():
        known = NOISE_HASHES[of.name, train.name, level]
        if len(problem.test) >= HASHED and problem.noise_hash != known:
            raise CompendiumError(
                f"{of.name}, {level}: the noise on the test images is {problem.noise_hash}, not the "
                f"leaderboard's {known}; install the packages of requirements.lock"
            )
    return found


HASHED = 200
"""How many test images `Problem.noise_hash` is of."""

NOISE_HASHES: Mapping[tuple[str, str, str], str] = {
    ("salt-pepper", "photos", "30 %"): "c63e15c15e55b3c8",
    ("salt-pepper", "photos", "60 %"): "0aa77114b2167b95",
    ("salt-pepper", "photos", "90 %"): "726c8d5919f45554",
    ("salt-pepper", "cifar10", "30 %"): "cc732dfe7c88c839",
    ("salt-pepper", "cifar10", "60 %"): "fb6d0f78aae88b32",
    ("salt-pepper", "cifar10", "90 %"): "2b6d6a8b36925bff",
    ("gaussian-mnist", "digits", "sigma 0.5"): "4028c7d809221526",
    ("gaussian-mnist", "mnist", "sigma 0.5"): "f5951b872adfd9f6",
    ("gaussian-cifar10", "photos", "sigma 25/255"): "cbc8b06db5a00eba",
    ("gaussian-cifar10", "photos", "sigma 50/255"): "c1db76b36cb8dc7c",
    ("gaussian-cifar10", "cifar10", "sigma 25/255"): "04d84e5ac66e14f4",
    ("gaussian-cifar10", "cifar10", "sigma 50/255"): "745547adbab8f336",
}
"""`Problem.noise_hash` by task, data set and level."""
