"""Time compendium.noise on 50,000 CIFAR-sized images against a loop over NumPy's Generator.choice.

Everything runs on one core. The loop is a measure, not an equal: its noise changes with
the batch.
"""

import time
from collections.abc import Callable

import numpy as np

from compendium import noise

IMAGES = 50_000


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def choice_loop(images: np.ndarray, count: int) -> np.ndarray:
    """Salt-and-pepper noise as one would write it by hand, with one generator for all images."""
    generator = np.random.default_rng(0)
    noisy = images.copy()
    for image in noisy.reshape(len(images), -1, images.shape[-1]):
        pixels = generator.choice(len(image), count, replace=False)
        image[pixels] = generator.choice(np.array([0, 255], np.uint8), (count, 1))
    return noisy


def main() -> None:
    """Print the table."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    print(f"{IMAGES:,} images of 32x32x3 bytes{'seconds':>12}{'choice loop':>13}{'ratio':>7}")
    for fraction in (0.3, 0.6, 0.9):
        ours = seconds(lambda fraction=fraction: noise.salt_pepper(images, fraction=fraction, seed=0))
        count = int(fraction * 1024)
        loop = seconds(lambda count=count: choice_loop(images, count))
        print(f"salt_pepper {fraction:.0%}{ours:25.2f}{loop:13.2f}{loop / ours:7.1f}")
    print(f"gaussian{seconds(lambda: noise.gaussian(images, sigma=0.1, seed=0)):32.2f}")


if __name__ == "__main__":
    main()
