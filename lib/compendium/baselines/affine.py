"""What an affine map can do: the closed-form references for networks with and without a bottleneck."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from compendium.images import UNCLIPPED, Images, check_images

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

PENALTIES = np.logspace(-6, 2, 33)
"""Ridge penalties to choose from, as multiples of the inputs' mean variance."""


def affine_denoiser(
    noisy: Images, reference: Images, *, rank: int | None = None
) -> Callable[[Images], Images]:
    """Fit, in closed form, the affine map from noisy images to references with the least mean squared error.

    Without `rank` it estimates the affine MMSE (Wiener) filter of whole images. With `rank` it is the best
    map through a code of `rank` numbers: reduced-rank regression, the affine counterpart of a denoising
    autoencoder with that bottleneck. A ridge penalty, chosen by generalised cross-validation on these same
    images, keeps it from fitting the noise where images are few.

    Source: Izenman (1975), doi:10.1016/0047-259X(75)90042-1, for the rank; Mukherjee and Zhu (2011),
    doi:10.1002/sam.10138, with the penalty; Golub, Heath and Wahba (1979),
    doi:10.1080/00401706.1979.10489751, for its choice.

    Args:
        noisy: training inputs, float images, (n, h, w) or (n, h, w, c), n at least 2, in [0, 1] or up to 2
            outside, where noise was not clipped. Time grows with the third power of the number of values in
            an image.
        reference: what they should become, one image for each; these may have another shape.
        rank: 1 or more; a rank beyond the number of values in an image changes nothing.

    Returns a function from noisy images, (k, h, w[, c]), to reconstructions, float64 in [0, 1]. Raises
    ValueError for other inputs.
    """
    if len(check_images(noisy, "noisy", tolerance=UNCLIPPED)) != len(check_images(reference, "reference")):
        raise ValueError(f"{len(noisy)} noisy images, {len(reference)} references: expected as many")
    if len(noisy) < 2 or (rank is not None and rank < 1):
        raise ValueError(f"{len(noisy)} images and rank {rank}: expected 2 images and rank 1, or more")
    inputs, outputs = _rows(noisy), _rows(reference)
    input_mean, output_mean = inputs.mean(axis=0), outputs.mean(axis=0)
    inputs -= input_mean
    outputs -= output_mean

    variances, directions = linalg.eigh(inputs.T @ inputs)
    variances = variances.clip(0)
    covariances = directions.T @ (inputs.T @ outputs)  # of input directions with outputs
    shrinkage = 1 / (variances + _penalty(variances, covariances, np.square(outputs).sum(), len(inputs)))
    weights = directions @ (shrinkage[:, np.newaxis] * covariances)
    if rank is not None and rank < min(weights.shape):
        fitted = covariances.T @ (shrinkage[:, np.newaxis] * covariances)
        last = len(fitted) - 1
        _, axes = linalg.eigh(fitted, subset_by_index=[last - rank + 1, last])
        weights = weights @ axes @ axes.T

    def denoise(noisy: Images) -> Images:
        inputs = _rows(check_images(noisy, "noisy", tolerance=UNCLIPPED))
        values = (inputs - input_mean) @ weights + output_mean
        return values.clip(0, 1).reshape(len(noisy), *reference.shape[1:])

    return denoise


def principal_components(images: Images, components: int) -> "PCA":
    """Fit a `PCA` of scikit-learn, the first principal components, to images, `(n, ...)`.

    Only these components are computed, by Lanczos iterations to full precision ("arpack"), not all that there
    are; in float32 every pixel of a projection is within 1e-4 of that of the whole decomposition. Where there
    are fewer images, or values in one, than `components`, there are as many as these.
    """
    from sklearn.decomposition import PCA  # takes seconds, and nothing else here needs it

    rows = images.reshape(len(images), -1)
    whole = components >= min(rows.shape)  # the iterations cannot find all there are
    number = min(components, *rows.shape)
    return PCA(number, svd_solver="full" if whole else "arpack", random_state=0).fit(rows)


def pca_reconstruction(train: Images, test: Images, components: int) -> Images:
    """The clean `test` images after projection on the first principal components of the clean `train` images.

    Both are float images in [0, 1] with equal (h, w) or (h, w, c); the result has the shape of `test`. No
    affine code of `components` numbers reconstructs `train` with a smaller squared error (Eckart and Young,
    Psychometrika 1, 1936); on `test` this is the error of that code on images it has not seen. Values outside
    [0, 1] are clipped, which the linear code itself could not do and which only lowers the error.

    The components are those of `principal_components`. Raises ValueError where shapes differ.
    """
    if check_images(train, "train").shape[1:] != check_images(test, "test").shape[1:]:
        raise ValueError(f"train and test images differ in shape: {train.shape[1:]} and {test.shape[1:]}")
    pca = principal_components(train, components)
    codes = pca.transform(test.reshape(len(test), -1))
    return pca.inverse_transform(codes).reshape(test.shape).clip(0, 1)


def _rows(images: Images) -> Images:
    return images.reshape(len(images), -1).astype(np.float64)


def _penalty(variances: np.ndarray, covariances: np.ndarray, total: float, number: int) -> float:
    """Return the ridge penalty with the lowest generalised cross-validation score.

    variances: eigenvalues of the inputs' scatter matrix. covariances: of their eigenvectors with the outputs.
    total: the outputs' squared norm. All of centred values; the mean takes one degree of freedom.
    """
    candidates = PENALTIES * max(variances.mean(), np.finfo(float).eps)
    explained = np.square(covariances).sum(axis=1)

    def score(penalty: float) -> float:
        shrinkage = 1 / (variances + penalty)
        residual = total - (explained * shrinkage * (2 - variances * shrinkage)).sum()
        return residual / (number - 1 - (variances * shrinkage).sum()) ** 2

    return min(candidates, key=score)
