"""Classical denoisers for impulse (salt-and-pepper) noise.

Every denoiser takes `noisy`, float32 or float64 images in [0, 1] of shape (n, h, w) or (n, h, w, c), and
returns reconstructions of the same shape and dtype in [0, 1]; it treats each image by itself, so a batch
gives the same pixels as its images one by one. Other types or shapes, NaN and values outside [0, 1] raise
ValueError.

The masked methods (all but `unchanged` and `median`) find the altered pixels with `impulse_mask`, from the
noisy image alone, leave every other pixel as it is, and compute in float64. An image without a single intact
pixel becomes mid-grey, 0.5.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage, sparse
from scipy.interpolate import LinearNDInterpolator
from scipy.sparse.linalg import splu
from scipy.spatial import QhullError

from compendium.images import Images, Mask, check_images, with_channels


def unchanged(noisy: Images) -> Images:
    """The noisy images themselves: what a denoiser must at least improve on."""
    return check_images(noisy, "noisy")


def impulse_mask(noisy: Images) -> Mask:
    """Return which pixels are black (all channels 0) or white (all channels 1): bool (n, h, w).

    These are the values that salt-and-pepper noise writes, so no altered pixel is missed. Pixels that were
    black or white before are flagged as well. In clean test images these are 0.85 % of CIFAR-10 (up to 77 %
    of an image), 1.9 % of CIFAR-100, 1.2 % of the embedded photos (11 % of the astronaut), but 81 % of MNIST
    and of the embedded digits, whose background is black: there the plain median is ahead of masked methods.
    """
    pixels = with_channels(check_images(noisy, "noisy"))
    return (pixels == 0).all(axis=-1) | (pixels == 1).all(axis=-1)


def mean_colour(noisy: Images) -> Images:
    """Altered pixels take the mean colour of the image's intact pixels."""
    return _fill_altered(noisy, lambda image, altered: image[~altered].mean(axis=0))


def median(noisy: Images, size: int) -> Images:
    """Median of the `size` by `size` window around every pixel, channel by channel, intact or not.

    At the border the image is mirrored with its edge repeated (`scipy.ndimage.median_filter`, "reflect").
    Raises ValueError where `size` is not an odd number of pixels.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size is {size}: a median window needs an odd number of pixels, 1 or more")
    return ndimage.median_filter(check_images(noisy, "noisy"), size=size, axes=(1, 2), mode="reflect")


def adaptive_median(noisy: Images) -> Images:
    """Altered pixels take the median, by channel, of the intact pixels in the smallest window that has any.

    The window is square and centred on the pixel, 3x3, 5x5, 7x7 and so on, cut off at the border; the median
    of an even number of values is the mean of the middle two. Growing it until it holds two or more intact
    pixels was worse on CIFAR-10 at 30, 60 and 90 % noise.

    The growing window is that of Hwang and Haddad, "Adaptive median filters: new algorithms and results",
    IEEE Transactions on Image Processing 4(4), 1995, 499-502, whose median is over all pixels in it. The
    median over the intact ones is that of Esakkirajan et al., "Removal of high density salt and pepper noise
    through modified decision based unsymmetric trimmed median filter", IEEE Signal Processing Letters 18(5),
    2011, 287-290, whose window is 3x3. This filter joins the two and is neither algorithm step by step.
    """
    return _fill_altered(noisy, _window_medians)


def nearest(noisy: Images) -> Images:
    """Altered pixels take the colour of the nearest intact pixel in Euclidean distance.

    Ties are broken as `scipy.ndimage.distance_transform_edt` breaks them.
    """
    return _fill_altered(noisy, _nearest_intact)


def linear(noisy: Images) -> Images:
    """Altered pixels are interpolated linearly over a Delaunay triangulation of the intact ones.

    Uses `scipy.interpolate.LinearNDInterpolator`. Outside the convex hull of the intact pixels, or where
    these span no triangle (fewer than three, or all in one line), the nearest intact pixel is taken. On a
    grid the triangulation is not unique; Qhull's choice is the same every time.
    """
    return _fill_altered(noisy, _interpolate_linearly)


def biharmonic(noisy: Images) -> Images:
    """Altered pixels continue the intact ones as a biharmonic surface, within the range of each channel.

    Equal to scikit-image's `inpaint_biharmonic`, which sets up its equations pixel by pixel and anew for each
    image; here they are set up once per image size. Where noise is heavy, this and `linear` are the slowest
    of these methods, and the time for larger images is in proportion to their altered pixels
    (`benchmarks/baselines.py`). For many images, pass a subset.
    """
    return _fill_altered(noisy, _continue_smoothly)


IMPULSE: dict[str, Callable[[Images], Images]] = {
    "noisy input": unchanged,
    "mean colour": mean_colour,
    "median 3x3": partial(median, size=3),
    "median 5x5": partial(median, size=5),
    "adaptive median": adaptive_median,
    "nearest pixel": nearest,
    "linear interpolation": linear,
    "biharmonic": biharmonic,
}
"""Denoisers for salt-and-pepper noise: display name -> denoiser, from the trivial to the elaborate."""


def _fill_altered(noisy: Images, estimate: Callable[[Images, Mask], Images]) -> Images:
    """Put `estimate(image, altered)`, (altered pixels, c) or (c,), over the altered pixels of every image."""
    reconstruction = noisy.copy()
    for image, altered in zip(with_channels(reconstruction), impulse_mask(noisy), strict=True):
        if altered.all():
            image[:] = 0.5
        elif altered.any():
            # Interpolated values may leave [0, 1] by a rounding error.
            image[altered] = estimate(image.astype(np.float64), altered).clip(0, 1)
    return reconstruction


def _window_medians(image: Images, altered: Mask) -> Images:
    intact = np.where(altered[..., np.newaxis], np.nan, image)
    # The chessboard distance to the nearest intact pixel is the radius of the smallest window that holds one.
    radii = ndimage.distance_transform_cdt(altered, metric="chessboard")
    medians = np.empty_like(image)
    for radius in np.unique(radii[altered]):
        padded = np.pad(intact, ((radius, radius), (radius, radius), (0, 0)), constant_values=np.nan)
        windows = sliding_window_view(padded, (2 * radius + 1, 2 * radius + 1), axis=(0, 1))
        medians[radii == radius] = _nan_median(windows[radii == radius])
    return medians[altered]


def _nan_median(windows: Images) -> Images:
    """`np.nanmedian` over the last two axes of (pixels, c, size, size), but faster: NaN sorts last."""
    ordered = np.sort(windows.reshape(*windows.shape[:2], -1), axis=-1)
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    middle = np.concatenate([(count - 1) // 2, count // 2], axis=-1)
    return np.take_along_axis(ordered, middle, axis=-1).mean(axis=-1)


def _nearest_intact(image: Images, altered: Mask) -> Images:
    rows, columns = ndimage.distance_transform_edt(altered, return_distances=False, return_indices=True)
    return image[rows[altered], columns[altered]]


def _interpolate_linearly(image: Images, altered: Mask) -> Images:
    fallback = _nearest_intact(image, altered)
    try:
        interpolate = LinearNDInterpolator(np.argwhere(~altered), image[~altered])
    except QhullError:
        return fallback
    values = interpolate(np.argwhere(altered))
    return np.where(np.isnan(values), fallback, values)


def _continue_smoothly(image: Images, altered: Mask) -> Images:
    unknown, known = altered.ravel(), ~altered.ravel()
    equations = _biharmonic_operator(*altered.shape)[unknown]
    values = image[~altered]
    continued = splu(equations[:, unknown].tocsc()).solve(-(equations[:, known] @ values))
    return continued.clip(values.min(axis=0), values.max(axis=0))


@lru_cache(maxsize=4)
def _biharmonic_operator(height: int, width: int) -> sparse.csr_array:
    """The Laplacian of the Laplacian at each pixel; at the border, of what its 5x5 window holds, mirrored."""
    pixels = np.arange(height * width).reshape(height, width)
    operator = sparse.lil_array((pixels.size, pixels.size))
    for row, column in np.ndindex(height, width):
        window = pixels[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        here = (window == pixels[row, column]).astype(np.float64)
        operator[pixels[row, column], window.ravel()] = ndimage.laplace(ndimage.laplace(here)).ravel()
    return operator.tocsr()
