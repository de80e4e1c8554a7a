import base64
import io
import json

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib import pyplot as plt
from PIL import Image
from tiny_notebooks import execute, write_notebook

from compendium import models, plots
from compendium.plots.described import SCALE, description

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


def test_a_logarithmic_axis_has_decimals_at_1_2_and_5():
    figure, axis = plt.subplots()
    axis.plot([1, 2], [0.017, 0.11])
    axis.set_yscale("log")
    plots.decimal_ticks(axis.yaxis)
    figure.canvas.draw()
    low, high = axis.get_ylim()
    shown = [t.get_text() for t in axis.get_yticklabels(which="both") if low <= t.get_position()[1] <= high]
    assert [text for text in shown if text] == ["0.02", "0.05", "0.1"]
    plt.close(figure)


def test_one_legend_names_each_series_once_and_hides_no_data():
    figure, axes = plt.subplots(1, 2, layout="constrained")
    table = pd.DataFrame({"x": [0, 1, 0, 1], "y": [0, 1, 1, 0], "kind": [*"aabb"]})
    for axis in axes:
        sns.lineplot(table, x="x", y="y", hue="kind", ax=axis)
    plots.one_legend(figure, columns=2)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    assert [axis.get_legend() for axis in axes] == [None, None]
    assert not any(legend.get_window_extent().overlaps(axis.get_window_extent()) for axis in axes)


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


# --- what a page knows of a figure


def saved(figure):
    """The picture as a notebook keeps it: `(h, w, 3)` in [0, 1]."""
    content = io.BytesIO()
    figure.savefig(content, bbox_inches="tight", dpi=figure.dpi)
    content.seek(0)
    return plt.imread(content)[..., :3]


def spot(picture, place):
    """The pixel at a place of a description."""
    height, width = picture.shape[:2]
    return picture[
        min(int(place[1] / SCALE * height), height - 1), min(int(place[0] / SCALE * width), width - 1)
    ]


def only_series(figure):
    ((series,),) = (panel["series"] for panel in description(figure)["panels"])
    return series


@pytest.mark.parametrize("layout", ["constrained", None])
def test_a_point_is_where_the_picture_shows_it(layout):
    plots.use_style()
    figure, axis = plt.subplots(figsize=(4, 3), layout=layout)
    axis.plot([1, 10, 100], [0.5, 0.25, 0.125], "o", color="#ff0000", label="error", clip_on=False)
    axis.set(xscale="log", xlabel="length $k$", ylabel=r"$\sigma^2$", title="A title")
    series = only_series(figure)
    assert series["kind"] == "points"
    assert (series["label"], series["colour"]) == ("error", "#ff0000")
    assert series["of"] == [[1, 0.5], [10, 0.25], [100, 0.125]]
    picture = saved(figure)
    for place in series["at"]:
        np.testing.assert_allclose(spot(picture, place), [1, 0, 0], atol=0.02)
    panel = description(figure)["panels"][0]
    assert (panel["title"], panel["x"], panel["y"]) == ("A title", "length k", "σ²")


def test_bars_say_their_height_and_their_category():
    table = {"latent": ["13", "13", "8", "8"], "value": [0.1, 0.2, 0.3, 0.4], "depth": ["1", "3", "1", "3"]}
    figure, axis = plt.subplots()
    sns.barplot(table, x="latent", y="value", hue="depth", ax=axis)
    first, second = description(figure)["panels"][0]["series"]
    assert [first["label"], second["label"]] == ["1", "3"]
    assert (first["of"], second["of"]) == ([["13", 0.1], ["8", 0.3]], [["13", 0.2], ["8", 0.4]])
    assert first["at"][0][0] < second["at"][0][0] < first["at"][1][0]
    assert first["at"][0][1] > first["at"][1][1]  # the higher bar ends nearer to the picture's top


def test_panels_that_share_an_axis_all_say_its_categories():
    figure, axes = plt.subplots(1, 2, sharey=True)
    for axis in axes:
        axis.scatter([1, 2], ["mnist", "cifar10"])
    panels = description(figure)["panels"]
    assert [panel["series"][0]["of"] for panel in panels] == [[[1, "mnist"], [2, "cifar10"]]] * 2


def test_series_of_seaborn_get_the_words_of_their_legend():
    table = {
        "epoch": [1, 2] * 4,
        "loss": np.linspace(1, 2, 8),
        "latent": ["13"] * 4 + ["8"] * 4,
        "of": ["training", "training", "validation", "validation"] * 2,
    }
    figure, axis = plt.subplots()
    sns.lineplot(table, x="epoch", y="loss", hue="latent", style="of", ax=axis)
    axis.axhline(1.5, linestyle=":", color="0.4", label="black image")
    *lines, level = description(figure)["panels"][0]["series"]
    assert {line["label"] for line in lines} == {
        f"{latent}, {of}" for latent in ("13", "8") for of in ("training", "validation")
    }
    assert (level["kind"], level["label"], level["of"][0]) == ("level", "black image", ["", 1.5])
    assert level["at"][0][1] == level["at"][1][1]


def test_a_heatmap_says_row_column_and_value():
    figure, axis = plt.subplots()
    sns.heatmap(
        pd.DataFrame([[0.1, 0.2], [0.3, 0.4]], index=["a", "b"], columns=["c", "d"]), ax=axis, cbar=False
    )
    assert only_series(figure)["of"] == [["c", "a", 0.1], ["d", "a", 0.2], ["c", "b", 0.3], ["d", "b", 0.4]]


def test_only_what_is_seen_is_described_and_long_curves_are_thinned_evenly():
    figure, axis = plt.subplots()
    steps = np.arange(1.0, 10_001)
    axis.plot(steps, 1 / steps)
    axis.plot([1, 2, 3, 20_000], [0.5, np.nan, 0.5, 0.5], "o")
    axis.set(xscale="log", yscale="log", xlim=(1, 10_000))
    curve, dots = description(figure)["panels"][0]["series"]
    assert [x for x, _ in dots["of"]] == [1, 3]
    assert 150 <= len(curve["at"]) <= 200
    assert (curve["of"][0][0], curve["of"][-1][0]) == (1, 10_000)
    gaps = np.diff([x for x, _ in curve["at"]])
    assert gaps.max() < 0.1 * SCALE  # on an axis with logarithms most of the numbers crowd at its end


def test_a_description_is_small_and_equal_for_equal_figures():
    def text():
        figure, axes = plt.subplots(1, 3)
        for axis in axes:
            for number in range(8):
                axis.plot(*np.random.default_rng(number).random((2, 1000)), "o", label=str(number))
        return json.dumps(description(figure))

    assert text() == text()
    assert len(text()) < 64_000


def test_images_of_a_grid_are_found_in_the_picture():
    plots.use_style()
    shades = np.arange(6, dtype=np.uint8).reshape(2, 3) * 50
    rows = np.broadcast_to(shades[:, :, None, None], (2, 3, 4, 5))
    figure = plots.image_grid(list(rows), row_titles=["noisy", "clean"], column_titles=["1", "2", "3"])
    found = description(figure)
    picture = saved(figure)
    assert (found["rows"], found["columns"], found["compare"]) == (
        ["noisy", "clean"],
        ["1", "2", "3"],
        "rows",
    )
    for image in found["images"]:
        left, top, width, height = image["at"]
        assert image["pixels"] == [5, 4]
        for across, down in ((0.02, 0.02), (0.98, 0.98)):  # two corners
            inside = spot(picture, (left + across * width, top + down * height))
            np.testing.assert_allclose(inside, shades[image["row"], image["column"]] / 255, atol=0.01)
        np.testing.assert_allclose(spot(picture, (left - 0.02 * width, top)), 1)
    assert "panels" not in found


def test_points_carry_their_images_once_in_a_sprite_of_bounded_size():
    images = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8)
    figure, axes = plt.subplots(1, 2)
    dots = [axis.scatter(*np.random.default_rng(1).random((2, 1000))) for axis in axes]
    plots.pictured(dots, [images, images], [["frog"] * 1000] * 2)
    found = description(figure)
    for panel in found["panels"]:
        (series,) = panel["series"]
        assert len(series["at"]) == len(series["of_images"]) == 1000  # never thinned: each has its image
        assert series["first_image"] == 0
    assert found["sprite"]["columns"] == 32
    kind, _, content = found["sprite"]["src"].partition(",")
    assert kind == "data:image/webp;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.size == tuple(32 * side for side in found["sprite"]["size"])
    assert len(content) < 200_000  # though noise cannot be compressed


def test_a_notebook_keeps_the_description_with_the_picture(tmp_path):
    source = """\
import matplotlib.pyplot as plt
from compendium import plots
plots.use_style()
plt.plot([1, 2], [3, 4], label="a line")
plt.show()"""
    notebook = tmp_path / "small.ipynb"
    write_notebook(notebook, source)
    executed = nbformat.read(execute(notebook, out=tmp_path / "run"), 4)
    (output,) = executed.cells[-1].outputs
    assert "image/png" in output.data
    text = output.metadata["image/png"]["compendium"]
    (series,) = json.loads(text)["panels"][0]["series"]
    assert (series["label"], series["of"]) == ("a line", [[1, 3], [2, 4]])


# --- a network drawn


def test_a_drawing_says_shape_parameters_and_field_of_every_layer():
    figure = plots.architecture(models.cae())
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words[-1] == "16,827 parameters"
    assert words.count("convolution 3×3, ReLU") == 6
    head, rows = description(figure)["table"].values()
    assert head == ["layer", "output", "parameters", "sees"]
    assert rows[0] == ["input", "32 × 32 × 3", "0", "1 × 1"]
    assert rows[7] == ["convolution 3×3, ReLU", "4 × 4 × 8", "584", "31 × 31"]
    assert all(value in words for value in ("16 × 16 × 32", "9,248", "31 × 31"))


def test_a_drawing_is_narrow_enough_for_a_phone():
    picture = saved(plots.architecture(models.separator()))
    assert picture.shape[1] < 560
