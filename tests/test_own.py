"""Functions of one's own: found by name, described without being run, told of in a line where they fail."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from compendium import own
from compendium.errors import CompendiumError, UsageError

NETWORK = """\
import keras
import numpy
from keras import layers

def build(image_shape):
    return keras.Sequential([
        keras.Input(image_shape),
        layers.Conv2D(4, 3, padding="same", activation="relu", name="latent"),
        layers.Conv2D(image_shape[-1], 3, padding="same", activation="sigmoid"),
    ])

def smaller(image_shape):
    return keras.Sequential([keras.Input(image_shape), layers.MaxPooling2D()])

def nothing(image_shape):
    keras.Input(image_shape)

def without_input(image_shape):
    return keras.Sequential([layers.Conv2D(1, 3)])

def fails(image_shape):
    return layers.Conv2D(
        image_shape[7], 3)

def lighter(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=(1, 2, 3))

def unchanged(noisy):
    return noisy

def black(noisy):
    noisy[:] = 0
    return noisy

def too_bright(noisy):
    return noisy + 1

def one_channel(noisy):
    return noisy[..., :1]

def as_list(noisy):
    return list(noisy)

def as_tensor(noisy):
    return keras.ops.convert_to_tensor(noisy)

def masked(noisy):
    return numpy.ma.masked_less(noisy, 0.5)

def whole_numbers(noisy):
    return (255 * noisy).astype(numpy.uint8)

def no_images(noisy):
    noisy.sum()

def not_a_number(noisy):
    return noisy * float("nan")

number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with `my_net.py`, in which a user types."""
    (tmp_path / "my_net.py").write_text(NETWORK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fault_of(function, *arguments, kind=CompendiumError):
    with pytest.raises(kind) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["my_net:build", "my_net.py:build", "./my_net.py:build", "{}/my_net.py:build"]
)
def test_each_way_to_name_a_function_finds_it_and_the_file_it_is_known_by(here, name):
    name = name.format(here)
    assert own.describe(name) == {
        "name": "my_net:build",
        "file": str(here / "my_net.py"),
        "sha256": hashlib.sha256(NETWORK.encode()).hexdigest(),
    }
    assert own.load(name)((8, 8, 3)).output_shape == (None, 8, 8, 3)


def test_a_described_function_is_found_from_any_folder(here, monkeypatch):
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    described = own.describe("my_net:build")
    monkeypatch.chdir("/")
    assert own.load(f"{described['file']}:build")((8, 8, 1)).output_shape == (None, 8, 8, 1)


def test_describing_runs_nothing_and_needs_no_keras(here):
    (here / "trap.py").write_text(
        "import keras\nraise SystemExit\ndef build(image_shape): ...\n", encoding="utf-8"
    )
    code = "from compendium import own; import sys; own.describe('trap:build'); print('keras' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert ended.stdout == "False\n", ended.stderr


def test_a_changed_file_is_run_as_it_is_now(here):
    (here / "one.py").write_text("def f(): return 1\n", encoding="utf-8")
    first = own.describe("one:f")
    assert own.load("one:f")() == 1
    (here / "one.py").write_text("def f(): return 'another'\n", encoding="utf-8")
    assert own.load("one:f")() == "another"
    assert own.describe("one:f")["sha256"] != first["sha256"]


def test_a_file_may_have_the_name_of_a_known_module_and_hold_data_classes(here):
    (here / "json.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Mine:\n    x: int = 3\ndef f(): return Mine().x\n",
        encoding="utf-8",
    )
    assert own.load("json.py:f")() == 3
    import json

    assert json.dumps({}) == "{}"


def test_a_module_of_a_package_is_loaded_as_one(here, monkeypatch):
    (here / "parts_of_mine").mkdir()
    (here / "parts_of_mine" / "__init__.py").write_text("def first(): return 1\n", encoding="utf-8")
    (here / "parts_of_mine" / "more.py").write_text(
        "from . import first\ndef second(): return first() + 1\n", encoding="utf-8"
    )
    assert own.load("parts_of_mine:first")() == 1
    described = own.describe("parts_of_mine.more:second")
    monkeypatch.chdir("/")
    assert own.load(f"{described['file']}:second")() == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("build", '"build": write MODULE:FUNCTION or FILE.py:FUNCTION'),
        ("my_net:", "write MODULE:FUNCTION"),
        (":build", "write MODULE:FUNCTION"),
        ("my_net:build()", "write MODULE:FUNCTION"),
        ("my-net:build", "write MODULE:FUNCTION"),
        ("absent:build", 'no module "absent" of Python code here or among the installed'),
        ("absent.more:build", 'no module "absent.more"'),
        ("sys:exit", 'no module "sys" of Python code'),
        ("absent.py:build", "absent.py: no such file"),
        ("my_net:built", 'function in {}/my_net.py "built"; did you mean "build"?'),
    ],
)
def test_a_name_that_leads_nowhere_is_wrong_usage(here, name, said):
    for function in (own.describe, own.load):
        assert said.format(here) in fault_of(function, name, kind=UsageError)


def test_what_is_no_function_is_wrong_usage(here):
    assert f"{here}/my_net.py: number is not a function but int" in fault_of(
        own.load, "my_net:number", kind=UsageError
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f():\n    return (\n", "line 2: SyntaxError: '(' was never closed"),
        ("x = 1\nx = kears\ndef f(): ...\n", "line 2: NameError: name 'kears' is not defined"),
        (
            "import absent_module\ndef f(): ...\n",
            "line 1: ModuleNotFoundError: No module named 'absent_module'",
        ),
        ("def f(): ...\nraise SystemExit('enough')\n", "line 2: SystemExit: enough"),
        ("def f(): ...\ndef g(): 1 / 0\ng()\n", "line 2: ZeroDivisionError: division by zero"),
    ],
)
def test_an_error_at_import_is_a_line_with_its_place(here, source, said):
    (here / "bad.py").write_text(source, encoding="utf-8")
    assert fault_of(own.load, "bad:f").startswith(f"{here}/bad.py, {said}")


def test_a_file_that_is_no_text_is_named(here):
    (here / "bad.py").write_bytes(b"\xff\x00def f(): ...")
    assert f"{here}/bad.py" in fault_of(own.describe, "bad:f")


# What the doors ask for


def test_functions_that_do_what_a_door_asks_for_are_passed_on(here):
    network = own.door("network", "my_net:build")((8, 8, 3))
    assert network.get_layer("latent").output.shape == (None, 8, 8, 4)
    images = np.random.default_rng(0).random((4, 8, 8, 3))
    assert (own.door("denoiser", "my_net:unchanged")(images) == images).all()
    loss = own.door("loss", "my_net:lighter")
    assert loss.__name__ == "lighter"
    network.compile(loss=loss)
    history = network.fit(images, images, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_denoiser_cannot_change_the_images_that_others_see(here):
    images = np.full((2, 8, 8, 3), 0.5)
    assert own.door("denoiser", "my_net:black")(images).max() == 0
    assert images.min() == 0.5


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("network", "smaller", "a network from (8, 8, 3) to (4, 4, 3); expected (8, 8, 3) to the same"),
        ("network", "nothing", "gives nothing, not a Keras model with known inputs"),
        (
            "network",
            "without_input",
            "not a Keras model with known inputs; begin it with keras.Input(image_shape)",
        ),
        ("denoiser", "too_bright", "gives values from 1.5 to 1.5; expected 0 to 1"),
        ("denoiser", "not_a_number", "gives NaN in 100.0 % of its values"),
        ("denoiser", "one_channel", "gives shape (2, 8, 8, 1); expected an array of shape (2, 8, 8, 3)"),
        ("denoiser", "no_images", "gives nothing; expected an array"),
        ("denoiser", "as_list", "gives an object of the type list; expected an array"),
        ("denoiser", "as_tensor", "gives an object of the type EagerTensor; expected an array"),
        ("denoiser", "masked", "gives an object of the type MaskedArray; expected an array"),
        ("denoiser", "whole_numbers", "gives uint8; expected floats from 0 to 1: divide bytes by 255"),
    ],
)
def test_what_a_door_does_not_take_is_told_in_a_line(here, kind, name, said):
    given = (8, 8, 3) if kind == "network" else np.full((2, 8, 8, 3), 0.5)
    message = fault_of(own.door(kind, f"my_net:{name}"), given)
    assert message.startswith(f"my_net:{name}: ")
    assert said in message


def test_an_error_in_one_s_function_is_a_line_with_its_place(here):
    line = NETWORK.splitlines().index("        image_shape[7], 3)") + 1
    message = fault_of(own.door("network", "my_net:fails"), (8, 8, 3))
    assert message.startswith(f"{here}/my_net.py, line {line}: IndexError: tuple index out of range")


def test_there_are_three_doors(here):
    assert 'did you mean "network"' in fault_of(own.door, "net", "my_net:build", kind=UsageError)
