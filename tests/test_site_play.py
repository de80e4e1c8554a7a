"""The denoiser in the pages: its numbers are those of Python, and hasty readers do no harm."""

import io
import struct
import zlib
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


def made(image, suffix=".png", **options):
    """The bytes of a file with this picture."""
    file = io.BytesIO()
    image.save(file, Image.registered_extensions()[suffix], **options)
    return file.getvalue()


def stroke(ink, paper, mode="RGBA"):
    """An upright stroke, twice as tall as wide like a page; `paper` may be transparent."""
    drawn = Image.new("RGBA", (100, 200), paper)
    drawn.paste(ink, (42, 60, 58, 140))
    return drawn.convert(mode)


def colour(value, side=60):
    return Image.new("RGB", (side, side), value)


def palette(transparent):
    drawn = Image.new("P", (64, 64), 0)
    drawn.putpalette([10, 20, 30, 255, 255, 255])
    drawn.paste(1, (24, 10, 40, 54))
    return made(drawn, transparency=0) if transparent else made(drawn)


def animated(suffix, **options):
    frames = [colour(name) for name in ("red", "blue")]
    return made(frames[0], suffix, save_all=True, append_images=frames[1:], duration=50, **options)


def svg(attributes, *, inner="", ink="black", paper="white", before=""):
    return (
        f'{before}<svg xmlns="http://www.w3.org/2000/svg" {attributes}><rect width="100" height="100" '
        f'fill="{paper}"/><rect x="40" y="10" width="20" height="80" fill="{ink}"/>{inner}</svg>'
    ).encode()


def turned(suffix):
    """Red above black once its EXIF orientation is followed."""
    image = Image.new("RGB", (64, 64))
    image.paste((255, 0, 0), (0, 0, 32, 64))
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned to the right by a quarter
    return made(image, suffix, exif=exif)


def with_chunk(image, kind, content):
    """A PNG file with a chunk of this kind before its pixels."""
    plain = made(image)
    at = plain.index(b"IDAT") - 4
    check = zlib.crc32(kind + content)
    return plain[:at] + struct.pack(f">I4s{len(content)}sI", len(content), kind, content, check) + plain[at:]


def give(page, content, name="picture.png"):
    """Choose a file; returns what the page says of it, once it does."""
    page.evaluate("document.querySelector('.play-note').textContent = ''")
    page.locator('input[type="file"]').set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    return told(page, name)


def told(page, name):
    said = page.locator(".play-widget :is(.play-message, .play-note)").filter(has_text=name)
    said.wait_for()
    return said.inner_text()


def test_a_digit_is_light_on_black_whatever_it_was(opened):
    """Paper or nothing behind it, with all ways in which files say what is transparent."""
    page = opened("tuning")
    nothing, white, black = (0, 0, 0, 0), (255, 255, 255, 255), (0, 0, 0, 255)
    exchanged, on_black, on_white = (
        "light and dark exchanged",
        "transparent made black",
        "transparent made white",
    )
    viewed = 'viewBox="0 0 100 100"'
    for content, said in (
        (made(stroke((10, 10, 10, 255), (250, 250, 250, 255), "RGB")), [exchanged]),
        (made(stroke(white, black, "L")), []),
        (made(stroke(white, nothing)), [on_black]),
        (made(stroke(black, nothing)), [on_white, exchanged]),
        (made(stroke(white, nothing, "LA")), [on_black]),
        (made(stroke(black, nothing, "LA")), [on_white, exchanged]),
        (made(stroke(white, nothing), ".webp", lossless=True), [on_black]),
        (made(stroke((255, 230, 0, 255), nothing)), [on_black]),  # yellow
        (palette(transparent=True), [on_black]),
        (palette(transparent=False), []),
        (svg(viewed), [exchanged]),
        (svg(viewed, ink="white", paper="none"), [on_black]),
        (svg(viewed, paper="none"), [on_white, exchanged]),
    ):
        note = give(page, content)
        image = bytes_of(page, "own", 1)
        assert image[14, 2] < 30, (note, said)
        assert image[14, 13:15].min() > 200, (note, said)
        for words in (exchanged, on_black, on_white):
            assert (words in note) == (words in said), note
    assert page.locator(".play-message").text_content() == ""


def test_odd_pictures_give_the_colours_that_they_show(opened, tmp_path):
    page = opened("salt-pepper-cae")
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint16), (64, 1))
    wide = np.zeros((10, 20_000, 3), np.uint8)
    wide[:, 9_990:10_010] = 10, 200, 30
    elsewhere = '<image href="https://example.org/a.png" width="9" height="9"/>'
    inside = (
        '<foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">a</p></foreignObject>'
    )
    red, green = (255, 0, 0), (10, 200, 30)
    left, middle, right, top, bottom = (16, 1), (16, 16), (16, 30), (2, 16), (29, 16)
    for content, colours, words in (
        (made(Image.fromarray(ramp * 257)), {left: (6,) * 3, right: (249,) * 3}, ""),  # 16 bits a pixel
        (made(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), ".jpg"), {middle: red}, ""),
        (turned(".jpg"), {top: red, bottom: (0, 0, 0)}, ""),
        (turned(".png"), {top: red, bottom: (0, 0, 0)}, ""),
        (
            with_chunk(colour((200, 100, 50)), b"cICP", bytes([12, 13, 0, 1])),
            {middle: (215, 93, 31)},
            "",
        ),  # P3
        (
            with_chunk(colour(red), b"prVt", bytes(5_000_000)),
            {middle: red},
            ": 60 × 60",
        ),  # much before its pixels
        (made(colour(green, 1)), {left: green, right: green}, ": 1 × 1 pixels"),
        (made(Image.fromarray(wide)), {left: green, right: green}, "the middle square of 20000 × 10 pixels"),
        (made(Image.fromarray(wide.swapaxes(0, 1))), {top: green}, "the middle square of 10 × 20000 pixels"),
        (made(colour(green), ".bmp"), {middle: green}, ""),
        (made(colour(red), ".avif"), {middle: red}, ": 60 × 60"),
        (made(colour(red), ".gif"), {middle: red}, ": 60 × 60"),
        (animated(".gif"), {middle: red}, "the first frame"),
        (animated(".gif", loop=0), {middle: red}, "the first frame"),
        (animated(".png"), {middle: red}, "the first frame"),
        (animated(".webp", lossless=True), {middle: red}, "the first frame"),
        (animated(".avif"), {middle: red}, "the first frame"),
        (svg('width="100" height="100"'), {middle: (0, 0, 0), left: (255,) * 3}, ": 100 × 100"),
        (svg(""), {middle: (0, 0, 0), right: (0, 0, 0)}, "the middle square of 300 × 150"),
        (svg('width="100" height="100"', inner=elsewhere + inside), {middle: (0, 0, 0)}, ""),
        (svg('width="100" height="100"', before='<?xml version="1.0"?><!-- é -->'), {middle: (0, 0, 0)}, ""),
    ):
        note = give(page, content)
        assert words in note
        image = bytes_of(page, "own", 3).astype(int)
        for place, wanted in colours.items():
            assert np.abs(image[place] - wanted).max() <= 5, (place, note)
    # whatever has the network's size already comes through as it is, also from between unequal margins
    exact = np.random.default_rng(0).integers(0, 256, (32, 33, 3)).astype(np.uint8)
    give(page, made(Image.fromarray(exact)))
    assert (bytes_of(page, "own", 3) == exact[:, :32]).all()
    assert not [address for address in requests if address.startswith("http")]


def paste(page, *files, text="", on="body"):
    """Paste files, each a name and its content, or text."""
    page.locator(on).evaluate(PASTED, [[[name, [*content]] for name, content in files], text])


PASTED = """(target, [files, text]) => {
  const clipboardData = new DataTransfer();
  for (const [name, content] of files) clipboardData.items.add(new File([new Uint8Array(content)], name));
  if (text) clipboardData.setData("text/plain", text);
  target.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


def drop(page, *paths):
    """Drop files and folders of the computer where the panels are, as a file manager does."""
    panels = page.locator(".play-panels")
    panels.scroll_into_view_if_needed()
    box = panels.bounding_box()
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": box["x"] + 60, "y": box["y"] + 60, "data": data}
        session.send("Input.dispatchDragEvent", event)


def test_what_is_no_picture_is_refused_in_words(opened):
    page = opened("tuning")
    before, address = shown(page), page.url
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8))
    damaged = "but damaged, incomplete or too large for this browser. Save it anew as PNG or JPEG."
    unopened = "which this browser cannot open. Save it as PNG or JPEG, and choose that."
    for name, content, words in (
        ("empty.jpg", b"", "is empty. Choose another file."),
        ("notes.txt", b"noise", "is no picture that this browser can open. Choose one of PNG, JPEG, GIF"),
        ("saved.png", b"<!DOCTYPE html><html><body><svg></svg></body></html>", "is no picture"),
        ("scan.png", made(noisy, ".tif"), f"is TIFF, {unopened}"),
        ("phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", f"is HEIC, {unopened}"),
        ("slide.jp2", made(noisy, ".jp2"), f"is JPEG 2000, {unopened}"),
        ("paper.pdf", b"%PDF-1.7", f"is PDF, {unopened}"),
        *(
            (f"cut{end}", made(noisy, end)[:-99], damaged)
            for end in (".png", ".jpg", ".gif", ".webp", ".avif", ".bmp")
        ),
        ("cut.svg", svg("")[:-9], f"is SVG, {damaged}"),
        ("clear.png", made(Image.new("RGBA", (9, 9))), "is transparent in its middle square."),
    ):
        message = give(page, content, name)
        assert message.startswith(f"“{name}” is "), message
        assert words in message
    paste(page, text="https://example.org/digit.png")
    message = page.locator(".play-message").filter(
        has_text="That was no file. Save the picture on your device"
    )
    message.wait_for()
    page.evaluate("document.querySelector('.play-message').textContent = ''")
    of_the_page = page.evaluate_handle("""() => {
      const data = new DataTransfer();
      data.setData("text/uri-list", document.images[0].src);
      return data;
    }""")
    page.locator(".play-panels").dispatch_event("drop", {"dataTransfer": of_the_page})
    message.wait_for()
    assert shown(page) == before
    assert page.url == address


def test_the_chooser_offers_what_the_browser_opens(opened):
    page = opened("tuning")
    offered = page.locator('input[type="file"]').get_attribute("accept").split(",")
    assert {"image/png", "image/jpeg", "image/svg+xml"} <= {*offered}
    assert {"image/tiff", "image/heic", "image/*"}.isdisjoint(offered)


def test_pictures_are_dropped_and_pasted(opened, tmp_path):
    page = opened("salt-pepper-cae")
    colours = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    for name, value in colours.items():
        colour(value).save(tmp_path / f"{name}.png")

    drop(page, tmp_path / "red.png", tmp_path / "blue.png")
    assert "The first of 2 files is shown. “red.png”" in told(page, "red.png")
    assert tuple(bytes_of(page, "own", 3)[16, 16]) == colours["red"]

    drop(page, tmp_path)
    assert "cannot be read. If it is a folder" in told(page, tmp_path.name)
    assert tuple(bytes_of(page, "own", 3)[16, 16]) == colours["red"]

    blue = (tmp_path / "blue.png").read_bytes()
    paste(page, ("image.png", blue), on="[name=level]")
    assert "“image.png”: 60 × 60" in told(page, "image.png")
    assert tuple(bytes_of(page, "own", 3)[16, 16]) == colours["blue"]
    assert page.locator(".play-message").text_content() == ""

    for _ in range(2):  # the same file again
        note = give(page, blue, "same.png")
        page.locator('.play-thumbs [value="71"]').check(force=True)
        assert "“same.png”" in note


def test_text_is_still_pasted_into_the_search(opened):
    page = opened("tuning")
    page.evaluate("document.body.prepend(Object.assign(document.createElement('input'), {id: 'words'}))")
    paste(page, text="noise", on="#words")
    settle(page)
    assert page.locator(".play-message").text_content() == ""


def test_of_two_pictures_the_one_brought_last_is_shown(opened):
    """Also if opening the first takes longer, and if it fails in the end."""
    page = opened("salt-pepper-cae")
    page.evaluate("""() => {
      const decode = createImageBitmap;
      globalThis.createImageBitmap = async (file, ...others) => {
        if (file.name === "slow.png") await new Promise((done) => (globalThis.finish = done));
        return decode(file, ...others);
      };
    }""")
    for slow in (made(colour("red")), made(colour("red"))[:-30]):
        page.locator('input[type="file"]').set_input_files(
            {"name": "slow.png", "mimeType": "image/png", "buffer": slow}
        )
        page.wait_for_function("!!globalThis.finish")
        give(page, made(colour("blue")), "quick.png")
        page.evaluate(
            "() => { finish(); finish = null; return new Promise((done) => setTimeout(done, 200)); }"
        )
        assert tuple(bytes_of(page, "own", 3)[16, 16]) == (0, 0, 255)
        assert page.locator(".play-message").text_content() == ""


def test_of_two_kinds_of_images_the_one_chosen_last_is_shown(opened):
    page = opened("landing")
    page.evaluate("""() => {
      const load = compendiumPlay.load;
      compendiumPlay.load = async (file) => {
        await load(file);
        if (file === "play-digits.js") await new Promise((done) => (globalThis.finish = done));
      };
    }""")
    page.get_by_role("radio", name="Digits").check(force=True)
    page.wait_for_function("!!globalThis.finish")
    page.get_by_role("radio", name="Photographs").check(force=True)
    settle(page)
    page.evaluate("finish()")
    settle(page)
    assert page.get_by_role("radio", name="Photographs").is_checked()
    assert page.locator('.play-thumbs [value="71"]').is_checked()


ALTERED = {
    "the lowest bit of a few": "(data) => { for (let i = 0; i < data.length; i += 401) data[i] ^= 1; }",
    "all of them": "(data) => data.fill(255)",
}


@pytest.mark.parametrize("how", ALTERED)
def test_a_browser_that_alters_pixels_is_told_from_one_that_does_not(opened, how):
    page = opened("tuning")
    before = shown(page)
    page.evaluate(f"""() => {{
      const read = CanvasRenderingContext2D.prototype.getImageData, alter = {ALTERED[how]};
      CanvasRenderingContext2D.prototype.getImageData = function (...place) {{
        const pixels = read.apply(this, place);
        alter(pixels.data);
        return pixels;
      }};
    }}""")
    message = page.get_by_role("alert").filter(has_text="This browser alters what a page reads from a canvas")
    page.locator('input[type="file"]').set_input_files(
        {"name": "digit.png", "mimeType": "image/png", "buffer": made(colour("red"))}
    )
    message.wait_for()
    page.locator('.play-thumbs [value="1"]').check(force=True)
    page.locator('.play-thumbs [value="20"]').check(force=True)
    page.evaluate("document.querySelector('.play-message').textContent = ''")
    page.get_by_role("button", name="Draw …").click()
    message.wait_for()
    assert page.locator(".play-drawing").is_hidden()
    assert shown(page) == before  # the book's own images are not read from a canvas


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


def opened_pad(opened, **options):
    page = opened("tuning", viewport={"width": 390, "height": 800}, **options)
    page.get_by_role("button", name="Draw …").click()
    page.locator(".play-drawing canvas").scroll_into_view_if_needed()
    settle(page)
    return page


def drawn(page):
    """The upper, middle and lower third of the drawing: whether anything is there."""
    settle(page)
    image = bytes_of(page, "drawn", 1)
    return [bool(image[rows].max() > 100) for rows in (slice(0, 9), slice(10, 18), slice(19, 28))]


def across(page, height):
    """Points from left to right over the pad."""
    box = page.locator(".play-drawing canvas").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + height * box["height"]) for x in (0.2, 0.5, 0.8)]


def by_mouse(page, height, button="left"):
    first, *others = across(page, height)
    page.mouse.move(*first)
    page.mouse.down(button=button)
    for place in others:
        page.mouse.move(*place)
    page.mouse.up(button=button)


def test_what_was_drawn_last_is_undone(opened):
    page = opened_pad(opened)
    undo = page.get_by_role("button", name="Undo")
    by_mouse(page, 0.5, button="right")
    assert drawn(page) == [False, False, False]
    for height in (0.15, 0.5, 0.85):
        by_mouse(page, height)
    assert drawn(page) == [True, True, True]
    page.keyboard.press("Control+z")
    assert drawn(page) == [True, True, False]
    undo.focus()
    page.keyboard.press("Enter")
    assert drawn(page) == [True, False, False]
    page.get_by_role("button", name="Clear").click()
    assert drawn(page) == [False, False, False]
    undo.click()
    assert drawn(page) == [True, False, False]

    page.get_by_role("button", name="Draw …").click()  # closed and opened again
    page.get_by_role("button", name="Draw …").click()
    assert drawn(page) == [True, False, False]
    undo.click()
    undo.click()  # there is nothing left to undo
    assert drawn(page) == [False, False, False]
    assert "Nothing is drawn yet" in page.locator(".play-note").inner_text()
    by_mouse(page, 0.5)
    assert drawn(page) == [False, True, False]


def test_a_finger_draws_and_the_page_stays(opened):
    page = opened_pad(opened, has_touch=True, is_mobile=True)
    session = page.context.new_cdp_session(page)

    def touch(kind, *fingers):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    where = page.evaluate("scrollY")
    canvas = page.locator(".play-drawing canvas")
    box = canvas.bounding_box()
    middle = box["x"] + box["width"] / 2
    touch("touchStart", (middle, box["y"] + 0.9 * box["height"]))
    for share in (0.6, 0.3, 0.1):
        touch("touchMove", (middle, box["y"] + share * box["height"]))
    touch("touchEnd")
    assert drawn(page) == [True, True, True]
    assert page.evaluate("scrollY") == where
    page.get_by_role("button", name="Undo").tap()
    assert drawn(page) == [False, False, False]

    first, second, third = across(page, 0.15)  # a second finger far below draws nothing
    far = across(page, 0.85)[0]
    touch("touchStart", first)
    touch("touchStart", first, far)
    touch("touchMove", second, far)
    touch("touchMove", second)
    touch("touchMove", third)
    touch("touchEnd")
    assert drawn(page) == [True, False, False]
    assert bytes_of(page, "drawn", 1)[4, 21] > 100  # it went on after the second finger had left

    first, second, _ = across(page, 0.5)  # the system takes the finger away, as from a palm
    touch("touchStart", first)
    touch("touchMove", second)
    assert drawn(page) == [True, True, False]
    touch("touchCancel")
    assert drawn(page) == [True, False, False]


# --- for everyone, and light


def test_axe_finds_nothing_where_one_draws(opened):
    from axe_playwright_python.sync_playwright import Axe

    for theme in ("light", "dark"):
        page = opened_pad(opened, reduced_motion="reduce")
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        give(page, b"noise", "notes.txt")
        found = Axe().run(page, context=".play-widget").response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


@pytest.mark.parametrize("name", ["landing", "tuning"])
def test_a_finger_meets_what_it_aims_at(opened, name):
    """What is touched is 44 pixels wide and high at least."""
    page = opened(name, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    if name == "tuning":
        page.get_by_role("button", name="Draw …").tap()
    controls = page.locator(".play-widget :is(select, button, label:has(input), [type=range]):visible")
    sizes = controls.evaluate_all(
        "(all) => all.map((one) => [one.textContent.trim(), one.offsetWidth, one.offsetHeight])"
    )
    assert len(sizes) > 15
    assert [size for size in sizes if min(size[1:]) < 44] == []


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
