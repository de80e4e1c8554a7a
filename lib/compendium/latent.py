"""Latent spaces: images as points, and the spheres that hold most of a class."""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from scipy.spatial.distance import cdist

from compendium import training

Centre = Literal["mean", "median"]


def encode(vae: keras.Model, images: np.ndarray, *, sample_seed: int | None = None) -> np.ndarray:
    """Return the latent points of images under a model made by `models.vae`, float64 `(n, latent)`.

    `images` are uint8, or float in [0, 1], `(n, h, w, c)`. Without `sample_seed` (0 or more) a point is the
    mean of the image's posterior, `z_mean`; with it, one draw from that posterior.
    """
    encoder = vae.get_layer("encoder")

    def output(name: str) -> np.ndarray:
        layer = keras.Model(encoder.inputs[0], encoder.get_layer(name).output)
        return training.predict(layer, images).astype(np.float64)

    z_mean = output("z_mean")
    if sample_seed is None:
        return z_mean
    return np.random.default_rng(sample_seed).normal(z_mean, np.exp(output("z_log_var") / 2))


@dataclass(frozen=True, eq=False)
class Sphere:
    """All points at most `radius` from `centre`, `(d,)`; `metric` is a name that SciPy's `cdist` knows."""

    centre: np.ndarray
    radius: float
    metric: str = "euclidean"

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Return how far each of `points`, `(n, d)`, is from the centre, float64 `(n,)`."""
        return cdist(points, self.centre[np.newaxis], self.metric)[:, 0]

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Return for each of `points`, `(n, d)`, whether it lies inside or on the sphere, bool `(n,)`."""
        return self.distances(points) <= self.radius


def enclosing_sphere(
    points: np.ndarray, share: float = 0.95, *, centre: Centre = "mean", metric: str = "euclidean"
) -> Sphere:
    """Return the sphere round the centre of `points` that holds about `share` of them.

    The radius is the percentile of the distances as `numpy.percentile` interpolates it: of n points the
    sphere holds the `floor(share * (n - 1)) + 1` nearest, so of 5 it holds 4 for any share from 0.75 to just
    below 1.
    Source: Halmuratov and Veselý, section 2, steps 3 and 5, which name neither centre nor metric.

    Args:
        points: `(n, d)`, of one class; n is 1 or more.
        share: from 0 to 1.
        centre: "mean", or "median" of each coordinate.
        metric: a name that SciPy's `cdist` knows, such as "euclidean" or "cityblock".

    Raises ValueError for no points, and for another share or centre.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or not len(points):
        raise ValueError(f"points: expected (n, d) with n of 1 or more, found shape {points.shape}")
    if not 0 <= share <= 1:
        raise ValueError(f"share={share!r}: expected a number from 0 to 1")
    if centre not in ("mean", "median"):
        raise ValueError(f'centre={centre!r}: expected "mean" or "median"')
    middle = points.mean(axis=0) if centre == "mean" else np.median(points, axis=0)
    radius = np.percentile(Sphere(middle, np.inf, metric).distances(points), 100 * share)
    return Sphere(middle, float(radius), metric)
