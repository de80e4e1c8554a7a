import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from compendium import plots

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def own_style():
    with plt.style.context("default"):
        yield
    plt.close("all")


def shown(figure):
    """The images of a figure's axes, row by row; None for an empty place."""
    return [axis.images[0] if axis.images else None for axis in figure.axes]


def test_every_image_has_its_place_and_every_row_and_column_its_title():
    grey = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    colour = np.random.default_rng(0).random((2, 4, 5, 3))
    figure = plots.image_grid([grey, colour], row_titles=["a", "b"], column_titles=["1", "2", "3"])
    images = shown(figure)
    for image, expected in zip(images, [*grey, *colour, None], strict=True):
        assert (image is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(image.get_array(), expected)
    assert [axis.get_title() for axis in figure.axes] == ["1", "2", "3", "", "", ""]
    assert [axis.get_ylabel() for axis in figure.axes] == ["a", "", "", "b", "", ""]


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.float32, 1)])
@pytest.mark.parametrize("shape", [(1, 4, 5), (1, 4, 5, 1)])
def test_grey_images_share_one_scale_from_black_to_white(dtype, white, shape):
    (image,) = shown(plots.image_grid([np.full(shape, white // 2, dtype)]))
    assert image.get_array().shape == (4, 5)
    assert image.get_clim() == (0, white)
    assert image.cmap.name in ("gray", "grey")


def test_figures_are_opaque_on_any_page(tmp_path):
    plots.use_style()
    figure = plots.image_grid([np.zeros((2, 4, 4))])
    path = tmp_path / "figure.png"
    figure.savefig(path)
    pixels = plt.imread(path)
    assert (pixels[..., 3] == 1).all()
    assert (pixels[0, 0, :3] == 1).all()
    # one image pixel is one colour: nothing is smoothed between neighbours
    assert plt.rcParams["image.interpolation"] == "nearest"
