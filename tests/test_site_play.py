"""The denoiser in the pages: its numbers are those of Python, and hasty readers do no harm."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from PIL import Image

from compendium import baselines, data, metrics, models, noise, project, results, training
from compendium.site import play

PAGES = {
    "landing": "book/index.html",
    "root": "index.html",
    "salt-pepper-cae": "notebooks/salt-pepper-cae.html",
    "depth-latent": "notebooks/depth-latent.html",
    "tuning": "notebooks/tuning.html",
}
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def opened(chromium, html):
    """A function that opens a page from its file, offline, and returns it once its widget shows numbers."""
    contexts, complaints = [], []

    def open_page(name, *, wait=True, **options):
        contexts.append(chromium.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if "play" in message.text else None
        )
        page.goto((html / PAGES[name]).as_uri())
        if wait:
            page.locator(".play").scroll_into_view_if_needed()
            page.wait_for_selector(".play-widget data[value]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@dataclass
class Condition:
    """What a reader chooses; `network` names the file of weights that is to answer."""

    image: int
    kind: str
    percent: int
    filter: str
    network: str
    choices: dict[str, str]


def settle(page):
    page.evaluate(SETTLED)


def choose(page, condition):
    page.locator(f'.play-thumbs [value="{condition.image}"]').check(force=True)
    page.locator('[name="kind"]').select_option(condition.kind)
    page.locator('[name="level"]').fill(str(condition.percent))
    for name, value in ({"filter": condition.filter} | condition.choices).items():
        page.locator(f'[name="{name}"]').select_option(value)
    settle(page)


def shown(page):
    """The numbers on the page: panel -> (PSNR, SSIM)."""
    read = """(panels) => Object.fromEntries(panels.map((panel) =>
        [panel.dataset.panel, [...panel.querySelectorAll("data")].map((data) => data.value)]))"""
    numbers = page.locator("[data-panel]:has(data)").evaluate_all(read)
    return {
        name: [float(value.replace("Infinity", "inf")) for value in pair] for name, pair in numbers.items()
    }


@cache
def images_of(name):
    return data.load(name, "test").images


@cache
def network(chapter, name):
    """A recorded network, built and loaded as the chapter does it."""
    folder = play._run(chapter)
    parameters = results.load(chapter, folder.name)["parameters"]
    if chapter == "salt-pepper-cae":
        model = models.cae(output_activation=parameters["output_activation"])
    elif chapter == "depth-latent":
        _, depth, latent = name.split("_")
        model = models.dae(int(depth), int(latent), width=parameters["width"])
    else:
        model = models.lab_tunable(next(n for n in (32, 64, 96, 128) if fits(n, folder)))
    model.load_weights(folder / f"{name}.weights.h5")
    return model


def fits(filters, folder):
    try:
        models.lab_tunable(filters).load_weights(folder / "tuned.weights.h5")
    except ValueError:
        return False
    return True


def expected(chapter, image, condition, *, seed=42, index=None):
    """What Python gives for an image of bytes, (h, w, c)."""
    images, level = image[np.newaxis], condition.percent / 100
    index = condition.image if index is None else index
    if condition.kind == "gaussian":
        noisy = noise.gaussian(images, sigma=level, seed=seed, first_index=index)
        values = noisy.astype(np.float64)
    else:
        noisy, _ = noise.salt_pepper(images, fraction=level, seed=seed, first_index=index)
        values = noisy / 255
    restored = training.predict(network(chapter, condition.network), noisy).clip(0, 1)
    filters = {
        "linear": baselines.linear,
        "median 3": lambda noisy: baselines.median(noisy, 3),
        "median 5": lambda noisy: baselines.median(noisy, 5),
    }
    of_panel = {
        "noisy": values,
        "network": restored.astype(np.float64),
        "filter": filters[condition.filter](values),
    }
    return {
        name: [float(metric(images / 255, one)[0]) for metric in (metrics.psnr, metrics.ssim)]
        for name, one in of_panel.items()
    }


def cae(image, kind, percent, filter, network, chosen=""):
    return Condition(image, kind, percent, filter, f"cae-{network}", {"network": chosen})


def dae(image, kind, percent, filter, depth, latent):
    choices = {"depth": str(depth), "latent": str(latent)}
    return Condition(image, kind, percent, filter, f"DAE_{depth}_{latent}", choices)


def tuned(image, kind, percent, filter):
    return Condition(image, kind, percent, filter, "tuned", {})


CONDITIONS = {
    "salt-pepper-cae": [
        cae(71, "saltPepper", 0, "linear", 0.3),
        cae(71, "saltPepper", 30, "linear", 0.3),
        cae(88, "saltPepper", 44, "linear", 0.3),
        cae(159, "saltPepper", 46, "median 3", 0.6),
        cae(25, "saltPepper", 60, "linear", 0.9, "2"),
        cae(83, "saltPepper", 90, "linear", 0.9),
        cae(130, "saltPepper", 97, "linear", 0.3, "0"),
        cae(47, "saltPepper", 100, "linear", 0.9),
        cae(44, "gaussian", 25, "median 5", 0.3),
    ],
    "depth-latent": [
        *(dae(1, "gaussian", 50, "median 5", depth, latent) for depth in (5, 3, 1) for latent in (13, 8, 5)),
        dae(46, "saltPepper", 30, "linear", 3, 8),
        dae(9, "gaussian", 0, "median 3", 1, 5),
    ],
    "tuning": [
        tuned(20, "gaussian", 50, "median 5"),
        tuned(87, "gaussian", 100, "median 3"),
        tuned(34, "saltPepper", 70, "linear"),
    ],
}


@pytest.mark.parametrize("chapter", CONDITIONS)
def test_the_page_gives_the_numbers_that_python_gives(opened, chapter):
    page = opened(chapter)
    images = images_of("photos" if chapter == "salt-pepper-cae" else "digits")
    for condition in CONDITIONS[chapter]:
        choose(page, condition)
        wanted = expected(chapter, images[condition.image], condition)
        for panel, numbers in shown(page).items():
            assert numbers == pytest.approx(wanted[panel], abs=1e-3), (condition, panel)


def test_other_noise_is_that_of_the_next_seed(opened):
    page = opened("tuning")
    page.get_by_role("button", name="Other noise").click()
    settle(page)
    condition = tuned(20, "gaussian", 50, "median 5")
    wanted = expected("tuning", images_of("digits")[20], condition, seed=43)
    assert shown(page)["network"] == pytest.approx(wanted["network"], abs=1e-3)


def test_the_landing_page_has_photographs_and_digits(opened):
    page = opened("landing")
    photograph = expected(
        "salt-pepper-cae", images_of("photos")[71], cae(71, "saltPepper", 60, "linear", 0.6)
    )
    assert shown(page)["network"] == pytest.approx(photograph["network"], abs=1e-3)
    page.get_by_role("radio", name="Digits").check(force=True)
    page.wait_for_selector('.play-thumbs [value="20"]', state="attached")
    settle(page)
    digit = expected("tuning", images_of("digits")[20], tuned(20, "gaussian", 50, "median 5"))
    assert shown(page)["network"] == pytest.approx(digit["network"], abs=1e-3)


# --- pictures of one's own


def bytes_of(page, value, channels):
    """The image that the page made of a picture, from its small canvas."""
    read = """(canvas) => { const { width, height } = canvas;
        return [width, ...canvas.getContext("2d").getImageData(0, 0, width, height).data]; }"""
    side, *pixels = page.locator(f'.play-thumbs label:has([value="{value}"]) canvas').evaluate(read)
    return np.array(pixels, np.uint8).reshape(side, side, 4)[..., :channels]


def test_a_huge_photograph_is_brought_to_the_network_s_size(opened, tmp_path):
    ramp = np.linspace(0, 255, 5000).astype(np.uint8)
    wide = np.stack(np.broadcast_arrays(ramp, ramp[:4000, np.newaxis], np.uint8(90)), axis=-1)
    Image.fromarray(wide).save(tmp_path / "wide.png", compress_level=1)
    page = opened("salt-pepper-cae")
    page.locator('input[type="file"]').set_input_files(tmp_path / "wide.png")
    page.wait_for_selector('.play-thumbs [value="own"]', state="attached")
    settle(page)
    image = bytes_of(page, "own", 3)
    middle = Image.fromarray(wide[:, 500:4500]).resize((32, 32), Image.Resampling.BOX)
    assert np.abs(image.astype(float) - np.asarray(middle)).mean() < 2  # of 255
    wanted = expected("salt-pepper-cae", image, cae(0, "saltPepper", 60, "linear", 0.6))
    assert shown(page)["filter"] == pytest.approx(wanted["filter"], abs=1e-3)
    assert "5000 × 4000 pixels, brought to 32 × 32" in page.locator(".play-note").inner_text()


def test_a_dark_digit_on_paper_is_turned_to_light_on_black(opened, tmp_path):
    paper = np.full((200, 100, 3), 250, np.uint8)
    paper[60:140, 45:55] = 10
    Image.fromarray(paper).save(tmp_path / "one.png")
    page = opened("tuning")
    page.locator('input[type="file"]').set_input_files(tmp_path / "one.png")
    page.wait_for_selector('.play-thumbs [value="own"]', state="attached")
    image = bytes_of(page, "own", 1)
    assert image[0, 0] < 10
    assert image[14, 14] > 200


def drop(page, name, kind, content):
    transfer = page.evaluate_handle(
        """([name, type, content]) => { const transfer = new DataTransfer();
           transfer.items.add(new File([content], name, { type })); return transfer; }""",
        [name, kind, content],
    )
    page.locator(".play-panels").dispatch_event("drop", {"dataTransfer": transfer})


def test_what_is_no_picture_is_refused_in_words(opened):
    page = opened("tuning")
    before, address = shown(page), page.url
    message = page.get_by_role("alert")
    for name, kind, content in (
        ("notes.txt", "text/plain", "noise"),
        ("cut.png", "image/png", "\x89PNG"),
        ("empty.jpg", "image/jpeg", ""),
    ):
        drop(page, name, kind, content)
        message.filter(has_text=name).wait_for()
        assert "Choose a PNG, JPEG, WebP or GIF file" in message.inner_text()
    assert shown(page) == before
    assert page.url == address


def test_a_digit_is_drawn(opened):
    page = opened("tuning", viewport={"width": 1000, "height": 900})
    page.get_by_role("button", name="Draw …").click()
    settle(page)
    condition = tuned(0, "gaussian", 50, "median 5")
    empty = expected("tuning", np.zeros((28, 28, 1), np.uint8), condition)
    assert shown(page)["network"] == pytest.approx(empty["network"], abs=1e-3)
    assert "Nothing is drawn yet" in page.locator(".play-note").inner_text()

    canvas = page.locator(".play-drawing canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    settle(page)
    image = bytes_of(page, "drawn", 1)
    assert image[14, 13:15].max() > 200
    assert image[:3].max() == 0
    wanted = expected("tuning", image, condition)
    for panel, numbers in shown(page).items():
        assert numbers == pytest.approx(wanted[panel], abs=1e-3)


# --- for everyone, and light


def test_a_keyboard_is_enough(opened):
    page = opened("salt-pepper-cae")
    page.locator('.play-thumbs [value="71"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.locator('.play-thumbs [value="112"]').is_checked()
    level = page.locator('[name="level"]')
    level.focus()
    page.keyboard.press("End")
    settle(page)
    assert level.get_attribute("aria-valuetext") == "100 % of the pixels"
    wanted = expected("salt-pepper-cae", images_of("photos")[112], cae(112, "saltPepper", 100, "linear", 0.9))
    assert shown(page)["filter"] == pytest.approx(wanted["filter"], abs=1e-3)
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"


def test_a_reader_who_comes_by_keyboard_keeps_the_focus_when_the_denoiser_appears(opened):
    page = opened("salt-pepper-cae", wait=False)
    page.locator(".play a").first.focus()
    page.wait_for_selector(".play-widget data[value]")
    page.wait_for_function("!document.querySelector('.play > p')")
    assert page.evaluate("document.activeElement.closest('.play-widget') !== null")


def test_changes_are_announced_once_the_reader_rests(opened):
    page = opened("salt-pepper-cae")
    said = page.locator(".play-widget [role=status]")
    for percent in range(0, 100, 5):
        page.locator('[name="level"]').fill(str(percent))
    assert "95 %" not in said.inner_text()
    said.filter(has_text="95 % of the pixels").wait_for(state="attached", timeout=120_000)
    assert "interpolation" in said.inner_text()
    assert "dB" in said.inner_text()


def test_every_control_has_a_name(opened):
    page = opened("landing")
    names = page.locator(".play-widget :is(input, select, button, canvas[role])").evaluate_all(
        """(all) => all.map((one) => one.labels?.[0]?.textContent.trim()
            || one.getAttribute("aria-label") || one.textContent)"""
    )
    assert len(names) > 20
    assert all(names)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_on_a_phone(opened, name):
    page = opened(name, viewport={"width": 390, "height": 800})
    parts = page.locator(".play-widget :is(select, button, canvas, figcaption, label)")
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        beyond = "(all, width) => all.filter((one) => one.getBoundingClientRect().right > width).length"
        assert parts.evaluate_all(beyond, width) == 0


def test_scripts_are_loaded_only_near_the_widget_and_are_light(opened, html):
    page = opened("salt-pepper-cae", wait=False)
    scripts = (
        "() => [...document.scripts].map((script) => script.src).filter((src) => src.includes('/_static/'))"
    )
    before = page.evaluate(scripts)
    page.locator(".play").scroll_into_view_if_needed()
    page.wait_for_selector(".play-widget data[value]")
    added = {*page.evaluate(scripts)} - {*before}
    names = {address.split("/_static/")[1].split("?")[0] for address in added}
    assert "play-salt-pepper-cae.js" in names
    assert {"play-tuning.js", "play-digits.js"}.isdisjoint(names)
    assert sum((html / "_static" / name).stat().st_size for name in names) < 1e6


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_a_figure_says_the_same(opened, name):
    page = opened(name, wait=False, java_script_enabled=False)
    region = page.locator(".play")
    assert region.count() == 1
    if name in {"landing", "root"}:
        assert region.locator("img").get_attribute("alt")
    else:
        target = region.locator("a.reference").get_attribute("href")
        assert page.locator(f"figure{target}, {target} img").count()


def test_a_book_without_the_chapters_has_no_scripts(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    assert play.scripts() == {}
