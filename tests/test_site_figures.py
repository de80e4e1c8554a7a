import base64
import contextlib
import hashlib
import http.server
import io
import json
import re
import threading
from functools import partial

import nbformat
import numpy as np
import pytest
import site_pages
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_output
from PIL import Image
from tiny_notebooks import write_notebook

from compendium import book, project
from compendium.site import figures

SCALE = 10_000


def known(name):
    """What the built book's script says of the pictures of a page."""
    script = (book.HTML / "_static" / "figures" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(script.removeprefix("compendiumFigures = ").rstrip(";\n"))


# --- the scripts


def test_a_script_says_of_each_picture_what_its_notebook_keeps(tmp_path):
    picture = b"a picture"
    about = {"image/png": {"compendium": '{"panels":[]}', "width": 5}}
    output = new_output("display_data", {"image/png": base64.b64encode(picture).decode()}, metadata=about)
    plain = new_output("display_data", {"image/png": base64.b64encode(b"another").decode()})
    write_notebook(tmp_path / "one.ipynb", new_code_cell("1", outputs=[output, plain]))
    name = f"{hashlib.sha256(picture).hexdigest()}.png"
    assert figures.scripts([tmp_path / "one.ipynb"]) == {
        "book/_static/figures/one.js": f'compendiumFigures = {{"{name}":{{"panels":[]}}}};\n'
    }


def test_every_figure_of_a_notebook_is_known_by_the_name_of_its_picture():
    for document in book.notebooks():
        soup = BeautifulSoup(site_pages.rendered(document).read_bytes(), "html.parser")
        shown = {image["src"].split("/")[-1] for image in soup.select("article .cell_output figure img")}
        assert shown == set(known(document.stem)), document.stem


# --- in a browser, from a folder, with no server


@pytest.fixture
def opened(chromium, html):
    """A function that opens a page of the built book, with what Playwright's `new_context` takes."""
    with contextlib.ExitStack() as stack:

        def open_page(name, *, address=None, dressed=True, **options):
            context = stack.enter_context(contextlib.closing(chromium.new_context(**options)))
            context.route(re.compile(r"^https?://(?!localhost)"), lambda route: route.abort())
            page = context.new_page()
            page.goto(address or (html / name).as_uri())
            if dressed:
                page.wait_for_selector(".figure-stage, .figure-tools")
            return page

        yield open_page


def about(page, figure):
    name = page.locator(f"#{figure} img").get_attribute("src").split("/")[-1]
    return known(page.url.split("/")[-1].removesuffix(".html"))[name]


def point_of(page, figure, label, value):
    """Where on the screen a series has the value on the axis across."""
    stage = page.locator(f"#{figure} .figure-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    (series,) = (
        series
        for panel in about(page, figure)["panels"]
        for series in panel["series"]
        if series["label"] == label
    )
    x, y = series["at"][[of[0] for of in series["of"]].index(value)]
    return box["x"] + x / SCALE * box["width"], box["y"] + y / SCALE * box["height"]


TRADEOFF = "fig-tradeoff"


def test_a_chart_says_the_number_that_the_notebook_prints(opened):
    cells = nbformat.read(project.ROOT / "book" / "autoencoders.ipynb", 4).cells
    printed = "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))
    k, error = re.search(r"best, k = (\d+): mean squared error ([\d.]+)", printed).groups()

    page = opened("book/autoencoders.html")
    bubble = page.locator(f"#{TRADEOFF} .figure-bubble")
    assert not bubble.is_visible()
    page.mouse.move(*point_of(page, TRADEOFF, "measured", int(k)))
    lines = bubble.inner_text().splitlines()
    assert lines[0] in ("measured", "sum")  # one lies on the other
    assert lines[1] == f"length k of the code: {k}"
    assert float(lines[2].removeprefix("mean squared error: ")) == pytest.approx(float(error), rel=0.03)
    page.mouse.move(5, 5)
    assert not bubble.is_visible()


def test_a_finger_gets_the_value_too(opened):
    page = opened("book/autoencoders.html", has_touch=True, viewport={"width": 390, "height": 844})
    page.touchscreen.tap(*point_of(page, TRADEOFF, "detail lost", 16))
    assert (
        page.locator(f"#{TRADEOFF} .figure-bubble")
        .inner_text()
        .startswith("detail lost\nlength k of the code: 16")
    )


def test_arrow_keys_go_through_a_chart_and_the_values_are_spoken(opened):
    page = opened("book/autoencoders.html")
    stage = page.locator(f"#{TRADEOFF} .figure-stage")
    spoken = page.locator(f"#{TRADEOFF} [role=status]")
    bubble = page.locator(f"#{TRADEOFF} .figure-bubble")
    stage.focus()
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowUp", "End", "Home"):
        page.keyboard.press(key)
        label, _, value = spoken.inner_text().partition(", length k of the code: ")
        said.append((label, value.split(",")[0]))
    lost, kept = "detail lost", "noise kept, σ² k / n"
    assert said[:6] == [(lost, "1"), (lost, "2"), (kept, "2"), (kept, "4"), (kept, "2"), (lost, "2")]
    assert said[-1] == (lost, "1")
    assert bubble.is_visible()
    page.keyboard.press("Escape")
    assert not bubble.is_visible()
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('.figure-stage')")  # no trap


def test_the_data_of_a_chart_are_a_table(opened):
    page = opened("book/autoencoders.html")
    site_pages.unfold(page.locator(f"#{TRADEOFF} .figure-data"))
    table = page.locator(f"#{TRADEOFF} .figure-data table")
    heads = table.locator("thead th").all_inner_texts()
    assert heads == ["length k of the code", "detail lost", "noise kept, σ² k / n", "sum", "measured"]
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    assert [int(row[0]) for row in rows] == [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 400, 600, 784]
    for _, lost, kept, total, _ in rows[:10]:
        assert float(lost) + float(kept) == pytest.approx(float(total), abs=2e-5)


def test_a_drawn_network_is_a_table_too(opened):
    page = opened("book/autoencoders.html")
    site_pages.unfold(page.locator("#fig-network .figure-data"))
    rows = page.locator("#fig-network tbody tr").all_inner_texts()
    assert rows[1].split("\t") == ["convolution 3×3, stride 2, ReLU", "14 × 14 × 16", "160", "3 × 3"]
    assert rows[4].split("\t") == ["dense", "16", "25,104", "28 × 28"]


@pytest.fixture
def served(html):
    """The address of the built book on a server: a page from a folder may not read pictures back."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=html)
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


SHADES = """canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
    .filter((_, place) => place % 4 === 0)"""


def test_two_rows_of_a_grid_are_laid_over_each_other(opened, served, html):
    page = opened("", address=f"{served}/book/autoencoders.html")
    figure = page.locator("#fig-pca-digits")
    site_pages.unfold(figure.locator(".figure-compare"))
    left, right, column = figure.locator("select").all()
    assert left.locator("option").all_inner_texts() == ["reference", "k = 4", "k = 16", "k = 64", "k = 256"]
    left.select_option("k = 16")
    right.select_option("reference")
    column.select_option("column 3")
    below, above = figure.locator(".figure-both canvas").all()
    assert above.get_attribute("aria-label") == "k = 16, column 3"

    # the middles of the pixels in the file that the page shows
    name = figure.locator("img").get_attribute("src").split("/")[-1]
    picture = np.asarray(Image.open(html / "_images" / name).convert("L")).astype(int)
    for canvas, row in ((below, 0), (above, 2)):
        (cell,) = (c for c in about(page, "fig-pca-digits")["images"] if (c["row"], c["column"]) == (row, 2))
        x, y, width, height = (
            side / SCALE * picture.shape[1 - place % 2] for place, side in enumerate(cell["at"])
        )
        middles = (np.arange(28) + 0.5) / 28
        expected = picture[np.ix_((y + middles * height).astype(int), (x + middles * width).astype(int))]
        shades = np.array(canvas.evaluate(SHADES)).reshape(28, 28)
        assert (np.abs(shades - expected) <= 2).mean() > 0.97  # but for pixels whose middle is on an edge

    slider = figure.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert figure.locator(".figure-both").evaluate("both => both.style.getPropertyValue('--share')") == "0%"
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "1 %"


def test_training_plays_once_when_it_comes_into_view(opened):
    page = opened("book/autoencoders.html")
    figure = page.locator("#fig-epochs")
    title = figure.locator("output")
    assert title.inner_text() == "epoch 0"
    figure.locator(".figure-player").scroll_into_view_if_needed()
    page.wait_for_function(
        "document.querySelector('#fig-epochs output').value === 'epoch 16'", timeout=120_000
    )
    assert figure.locator("button").inner_text() == "Play"
    assert figure.locator(".figure-player canvas").count() == 2 * 4  # moving, and the reference


def test_training_stands_still_for_those_who_want_no_motion(opened):
    page = opened("book/autoencoders.html", reduced_motion="reduce")
    figure = page.locator("#fig-epochs")
    figure.locator(".figure-player").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    assert figure.locator("output").inner_text() == "epoch 0"
    figure.locator("input[type=range]").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert figure.locator("output").inner_text() == "epoch 2"
    assert figure.locator("canvas").first.get_attribute("aria-label") == "image 1, epoch 2"
    button = figure.locator("button")
    button.click()
    assert button.inner_text() == "Pause"
    button.click()
    assert button.inner_text() == "Play"


def test_a_dot_of_the_codes_shows_its_image(opened):
    page = opened("notebooks/salt-pepper-cae.html")
    stage = page.locator("#fig-cae-codes .figure-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    facts = about(page, "fig-cae-codes")
    (series,) = facts["panels"][1]["series"]
    places = np.array(series["at"])
    apart = np.hypot(*(places[:, None] - places[None]).T) + SCALE * np.eye(len(places))
    alone = int(apart.min(axis=0).argmax())  # a dot with no other close by
    x, y = places[alone] / SCALE
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    bubble = page.locator("#fig-cae-codes .figure-bubble")
    assert bubble.inner_text() == series["of_images"][alone]
    image = page.locator("#fig-cae-codes .figure-thumbnail")
    columns, (width, _) = facts["sprite"]["columns"], facts["sprite"]["size"]
    left, top = image.evaluate("span => span.style.backgroundPosition").replace("px", "").split()
    shown = image.bounding_box()["width"]
    assert (-float(left) / shown, -float(top) / shown) == (alone % columns, alone // columns)

    content = base64.b64decode(facts["sprite"]["src"].partition(",")[2])
    assert Image.open(io.BytesIO(content)).width == columns * width
    assert len(content) <= 150_000


def test_without_scripts_pictures_and_captions_stand_alone(opened):
    page = opened("book/autoencoders.html", dressed=False, java_script_enabled=False)
    assert page.locator(f"#{TRADEOFF} img").is_visible()
    assert page.locator(f"#{TRADEOFF} figcaption").is_visible()
    assert page.locator(".figure-tools, .figure-stage, .figure-more").count() == 0


def test_axe_finds_nothing_in_unfolded_figures(opened):
    from axe_playwright_python.sync_playwright import Axe

    for theme in ("light", "dark"):
        page = opened("book/autoencoders.html", reduced_motion="reduce")
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        for folded in page.locator(".figure-more").all():
            site_pages.unfold(folded)
        found = Axe().run(page, context="article figure").response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_nothing_is_wider_than_the_screen_with_everything_unfolded(opened, width):
    page = opened("book/autoencoders.html", viewport={"width": width, "height": 900})
    for folded in page.locator(".figure-more").all():
        site_pages.unfold(folded)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_in_the_dark_charts_are_light_on_dark_and_images_stay_as_they_are(opened):
    page = opened("book/autoencoders.html")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    shades = {}
    for figure in (TRADEOFF, "fig-network", "fig-pca-digits"):
        stage = page.locator(f"#{figure} .figure-stage")
        picture = Image.open(io.BytesIO(stage.screenshot())).convert("L")
        shades[figure] = float(np.median(np.asarray(picture)))
        assert stage.locator("img").evaluate("image => getComputedStyle(image).padding") == "0px"
    assert shades[TRADEOFF] < 50
    assert shades["fig-network"] < 50
    assert page.locator("#fig-pca-digits .figure-stage").evaluate(
        "stage => [stage, stage.firstChild].map((part) => getComputedStyle(part).filter)"
    ) == ["none", "none"]


def test_on_a_phone_the_words_of_a_figure_are_large_enough_and_its_points_found(opened):
    page = opened("notebooks/depth-latent.html", viewport={"width": 390, "height": 844})
    shares = page.locator(".picture img[width]").evaluate_all(
        "images => images.map((image) => image.clientWidth / image.getAttribute('width'))"
    )
    assert len(shares) >= 4
    assert min(shares) >= 0.67
    box = page.locator("#fig-depth-curves .picture")
    stage = page.locator("#fig-depth-curves .figure-stage")
    bubble = page.locator("#fig-depth-curves .figure-bubble")
    stage.focus()
    for key in ["ArrowDown"] * 20 + ["End"]:  # to the last chart, out of sight to the right
        page.keyboard.press(key)
    page.wait_for_function("document.querySelector('#fig-depth-curves .picture').scrollLeft > 0")
    dot = page.locator("#fig-depth-curves .figure-dot").bounding_box()
    shown = box.bounding_box()
    assert shown["x"] <= dot["x"] <= shown["x"] + shown["width"]
    said = bubble.bounding_box()
    assert said["x"] >= 0
    assert said["x"] + said["width"] <= 390
    assert said["x"] <= dot["x"] + dot["width"] / 2 <= said["x"] + said["width"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_paper_there_is_the_text_alone(opened, theme):
    page = opened("book/autoencoders.html")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.emulate_media(media="print")
    for part in (".bd-sidebar-primary", ".bd-header-article", ".figure-tools", ".prev-next-footer"):
        assert not any(one.is_visible() for one in page.locator(part).all()), part
    assert page.locator(f"#{TRADEOFF} img").is_visible()
    article = "getComputedStyle(document.querySelector('article p:not(.reading-time)'))"
    assert page.evaluate(f"{article}.color") == "rgb(0, 0, 0)"
    assert page.evaluate(f"{article.replace(' p', ' pre')}.color") in ("rgb(0, 0, 0)", "rgb(84, 84, 84)")
    assert page.evaluate("getComputedStyle(document.querySelector('article figure')).breakInside") == "avoid"
    assert len(page.pdf()) > 50_000
