"""Methods that take seconds for each image, so that they are compared with the others on few images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import keras
import numpy as np

from compendium import baselines, training
from compendium.baselines.gaussian import bm3d
from compendium.errors import CompendiumError, unknown
from compendium.images import as_float
from compendium.leaderboard.denoise import Denoise
from compendium.leaderboard.methods import Method, calibrated, fitted
from compendium.leaderboard.networks import hidden_mse
from compendium.leaderboard.tasks import Problem, Task
from compendium.models import hourglass

PRIOR, BM3D = "deep image prior", "BM3D"
STRENGTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
"""Standard deviations of the noise that BM3D may be told."""

STEPS = (100, 200, 400, 800)
"""After how many steps the deep image prior may stop."""

CALIBRATION_IMAGES = 10
"""How many validation images these are chosen on."""

NOISE_CHANNELS = 32
JITTER = 1 / 30
"""Standard deviation of what is added to the noise in each step."""

BETWEEN, KEPT = 10, 0.9
"""Every how many steps an output is added to the mean of all, and the share of those before it."""


def slow_methods(task: Task, names: Sequence[str]) -> list[Method]:
    """Return those of the named methods that are for the task's kind of noise.

    Raises UsageError for an unknown name, CompendiumError where BM3D is named and not installed.
    """
    found = []
    for name in names:
        if name == PRIOR:
            found.append(fitted(PRIOR, _prior))
        elif name != BM3D:
            raise unknown("slow method", name, (PRIOR, BM3D))
        elif find_spec("bm3d") is None:
            raise CompendiumError(
                'BM3D: its package is not installed; type: pip install "bm3d>=4.0" (not for commercial use)'
            )
        elif not task.impulse:
            filters = {BM3D: (bm3d, STRENGTHS)}
            found.append(fitted(BM3D, partial(calibrated, filters, images=CALIBRATION_IMAGES)))
    return found


def of_first_images(problems: Mapping[str, Problem], number: int) -> dict[str, Problem]:
    """Return problems with the first so many of their test images, with the same noise."""
    return {level: replace(problem, test=problem.test[:number]) for level, problem in problems.items()}


def deep_image_prior(
    noisy: np.ndarray, known: np.ndarray, steps: Sequence[int], *, learning_rate: float = 0.01
) -> dict[int, np.ndarray]:
    """Restore each image by a network that is trained to make it of fixed noise, and stopped early.

    The network has seen no other image. It makes what looks like an image sooner than it makes noise; pixels
    that are not known it makes up. The mean of its outputs so far, the later ones counting more, is the
    restored image. Source: Ulyanov, Vedaldi and Lempitsky (2020), doi:10.1007/s11263-020-01303-4.

    Args:
        noisy: float images `(n, h, w, c)`.
        known: 1 where a pixel counts, else 0, `(n, h, w, 1)`.
        steps: after how many it is looked at, each 10 or more.
        learning_rate: of Adam.

    Returns for each of `steps` float32 images of the shape of `noisy`, in [0, 1].
    """
    height, width, channels = noisy.shape[1:]
    training.set_seed(0)
    network = hourglass((height, width, NOISE_CHANNELS), channels)
    network.compile(keras.optimizers.Adam(learning_rate), hidden_mse, jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    found = {number: np.empty(noisy.shape, np.float32) for number in steps}
    for index, target in enumerate(np.concatenate([noisy, known], axis=-1).astype(np.float32)):
        training.set_seed(index)
        training.restart(network)
        for number, mean in _means(network, target, index, max(steps)):
            if number in found:
                found[number][index] = mean
    return found


def _means(
    network: keras.Model, target: np.ndarray, seed: int, steps: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Train on one image; yield every few steps their number and the mean of the outputs."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0, 0.1, (1, *network.input_shape[1:])).astype(np.float32)
    mean = None
    for number in range(1, steps + 1):
        moved = noise + rng.normal(0, JITTER, noise.shape).astype(np.float32)
        network.train_on_batch(moved, target[np.newaxis])
        if number % BETWEEN == 0:
            output = keras.ops.convert_to_numpy(network(noise, training=True))[0]
            mean = output if mean is None else KEPT * mean + (1 - KEPT) * output
            yield number, mean


def _prior(problem: Problem, seed: int) -> Denoise:
    noisy = problem.noisy_validation[:CALIBRATION_IMAGES]
    clean = as_float(problem.validation[:CALIBRATION_IMAGES])
    tried = _restored(problem, noisy, STEPS)
    best = min(STEPS, key=lambda number: float(np.square(tried[number] - clean).mean()))
    return lambda images: _restored(problem, images, [best])[best]


def _restored(problem: Problem, noisy: np.ndarray, steps: Sequence[int]) -> dict[int, np.ndarray]:
    """Restore images; of salt-and-pepper noise, only the altered pixels."""
    if not problem.task.impulse:
        return deep_image_prior(noisy, np.ones((*noisy.shape[:-1], 1)), steps)
    altered = baselines.impulse_mask(noisy)[..., np.newaxis]
    made = deep_image_prior(noisy, ~altered, steps)
    return {number: np.where(altered, images, noisy) for number, images in made.items()}
