"""The page "Your own experiment": its recipes are complete, run, and print what they show."""

import re
import shlex
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from compendium import data, noise, own, project, training

PAGE = (project.ROOT / "book" / "your-own-experiment.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)
FILES = {m[1]: code for language, code in BLOCKS if (m := re.match(r"# (\w+\.py)\n", code))}
PROGRAMS = [code for language, code in BLOCKS if language == "python" and code not in FILES.values()]
NAMED = [
    (words[n].removeprefix("--"), words[n + 1])
    for language, text in BLOCKS
    if language == "console"
    for words in map(shlex.split, text.splitlines())
    for n in range(len(words))
    if words[n] in {f"--{door}" for door in own.DOORS}
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the page's files and images of several sizes, in which a reader types."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    photos = data.load("photos").images[:20]
    (tmp_path / "my-images").mkdir()
    for n, photo in enumerate(photos):
        image = Image.fromarray(photo).resize((40 + n, 48))
        image.save(tmp_path / "my-images" / f"{n}.{'png' if n % 2 else 'jpg'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_door_has_a_recipe_that_is_typed():
    assert {door for door, _ in NAMED} == {*own.DOORS} - {"method"}  # which has a page of its own
    assert {name.partition(":")[0] for _, name in NAMED} == {*FILES}


def test_the_network_learns_and_the_loss_is_one_that_it_can_learn_by(here):
    (network,) = {name for door, name in NAMED if door == "network"}
    (loss,) = {name for door, name in NAMED if door == "loss"}
    training.set_seed(0)
    model = own.door("network", network)((32, 32, 3))
    assert model.get_layer("latent")
    photos = data.load("photos").images[:500]
    noisy, _ = noise.salt_pepper(photos, fraction=0.3, seed=0)
    model.compile(keras.optimizers.Adam(3e-3), loss=own.door("loss", loss))
    curve = model.fit(noisy / 255, photos / 255, epochs=3, verbose=0).history["loss"]
    assert curve[-1] < 0.7 * curve[0]


def test_the_network_takes_images_of_any_size_and_number_of_channels(here):
    (network,) = {name for door, name in NAMED if door == "network"}
    for shape in ((28, 28, 1), (33, 20, 3)):
        assert own.door("network", network)(shape).output_shape == (None, *shape)


def test_the_denoiser_removes_noise(here):
    (denoiser,) = {name for door, name in NAMED if door == "denoiser"}
    clean = data.load("photos", "test").images[:20] / 255
    noisy, _ = noise.salt_pepper(clean, fraction=0.6, seed=0)
    restored = own.door("denoiser", denoiser)(noisy)
    assert np.square(restored - clean).mean() < 0.02 * np.square(noisy - clean).mean()


def test_programs_print_what_the_page_shows(here):
    for code in PROGRAMS:
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
        assert ended.returncode == 0, ended.stderr
        if "mine" not in code:  # what it prints are the reader's own images
            assert ("text", ended.stdout) in BLOCKS


def test_the_errors_that_the_page_shows_are_those_that_there_are(here):
    glass = np.full((32, 32, 4), 100, np.uint8)
    Image.fromarray(glass).save("my-images/holiday.png")
    with pytest.raises(Exception, match="see-through") as caught:
        [data.load("folder:my-images@32", split) for split in data.SPLITS]
    assert ("text", f"compendium: {caught.value}\n") in BLOCKS

    code = FILES["my_network.py"].replace("layers.Conv2D", "layer.Conv2D", 1)
    (here / "my_network.py").write_text(code, encoding="utf-8")
    with pytest.raises(Exception, match="layer") as caught:
        own.door("network", "my_network.py:build")((32, 32, 3))
    assert str(caught.value).replace(str(here), "/home/me") in PAGE
