"""A method of one's own, in a process of its own: what it is given, and each way to be wrong, in one line."""

import keras
import numpy as np
import psutil
import pytest
from scipy import ndimage

from compendium import data, own
from compendium.errors import CompendiumError
from compendium.leaderboard import apart, tasks

METHODS = """\
import os
import subprocess
import sys

import numpy as np


def unchanged(noisy):
    return noisy

def halved(noisy):
    noisy *= 0.5
    return noisy

def shape(noisy):
    return noisy[..., 0]

def bright(noisy):
    return noisy + 1

def missing(noisy):
    return noisy * np.where(noisy > 0.5, np.nan, 1)

def nothing(noisy):
    noisy.sum()

def fails(noisy):
    return noisy / np.zeros((2, 2))

def leaves(noisy):
    os._exit(3)

def endless(noisy):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])

def talks(noisy):
    print("files:", sorted(os.listdir(sys.argv[3])))
    return noisy

def train(noisy, clean, validation, seed):
    print("files:", sorted(os.listdir(sys.argv[3])))
    offset = float((clean - noisy).mean())
    assert noisy.shape == clean.shape and validation[0].shape == validation[1].shape
    return lambda given: (given + offset + 0.001 * seed).clip(0, 1)

def trains_to_nothing(noisy, clean, validation, seed):
    pass

def defaults(noisy, strength=1.0):
    return noisy
"""


@pytest.fixture(scope="module")
def problem():
    task = tasks.task("gaussian-mnist")
    sets = data.load("digits"), data.load("digits", "test")
    return tasks.problems(task, *sets, test_images=20)["sigma 0.5"]


@pytest.fixture
def restore(tmp_path, problem):
    """Let a function of METHODS, or a saved network, restore the problem's images."""
    (tmp_path / "mine.py").write_text(METHODS, encoding="utf-8")

    def restored(name, seed=0, minutes=5, of=problem):
        spec = str(tmp_path / name) if own.is_network(name) else f"{tmp_path / 'mine.py'}:{name}"
        return apart.method(spec, minutes=minutes, folder=tmp_path).restore(of, seed)

    return restored


def test_a_function_restores_what_it_would_here_and_may_change_its_input(restore, problem):
    np.testing.assert_array_equal(restore("unchanged").images, problem.noisy_test)
    before = problem.noisy_test.copy()
    np.testing.assert_array_equal(restore("halved").images, 0.5 * before)
    np.testing.assert_array_equal(problem.noisy_test, before)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shape", r"gives shape \(20, 28, 28\); expected an array of shape \(20, 28, 28, 1\)"),
        ("bright", "gives float32 from 1 to 2; expected floats from 0 to 1"),
        ("missing", r"gives NaN in \d+\.\d % of its values"),
        ("nothing", "gives nothing"),
        ("fails", r"mine\.py, line 28: ValueError: operands could not be broadcast"),
        ("leaves", "its process ended with status 3 before the images were restored"),
        ("trains_to_nothing", "gives nothing, not a function"),
    ],
)
def test_a_mistake_is_told_in_a_line(restore, name, told):
    with pytest.raises(CompendiumError, match=told) as refusal:
        restore(name)
    assert "\n" not in str(refusal.value)


def test_a_method_that_takes_too_long_is_ended_with_all_that_it_started(restore):
    with pytest.raises(CompendiumError, match=r"not done after 0\.05 minutes; .*--minutes"):
        restore("endless", minutes=0.05)
    assert not [one for one in psutil.Process().children(recursive=True) if one.status() != "zombie"]


def test_the_clean_test_images_are_not_where_the_method_is(restore, tmp_path):
    restore("talks")
    restore("train")
    printed = (tmp_path / apart.LOG).read_text(encoding="utf-8").splitlines()
    seen = [eval(line.removeprefix("files: ")) for line in printed if line.startswith("files: ")]
    noisy = ["noisy.npy"]
    training = ["noisy_train.npy", "noisy_validation.npy", "train.npy", "validation.npy"]
    assert seen == [noisy, sorted(noisy + training)]


def test_a_training_is_given_noise_by_its_seed(restore, problem):
    first, again, other = (restore("train", seed).images for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_four_arguments_make_a_training(tmp_path):
    (tmp_path / "mine.py").write_text(METHODS, encoding="utf-8")
    path = tmp_path / "mine.py"
    assert own.trains(f"{path}:train")
    assert not own.trains(f"{path}:unchanged")
    assert not own.trains(f"{path}:defaults")


# --- saved networks


def test_a_keras_network_is_loaded_and_clipped(restore, problem, tmp_path):
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(3.0, offset=-1.0)])
    network.save(tmp_path / "mine.keras")
    expected = (3 * problem.noisy_test - 1).clip(0, 1)
    np.testing.assert_allclose(restore("mine.keras").images, expected, atol=1e-6)


def test_a_keras_network_with_code_in_it_is_refused(restore, tmp_path):
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Lambda(lambda x: 1 - x)])
    network.save(tmp_path / "mine.keras")
    with pytest.raises(CompendiumError, match="cannot be loaded"):
        restore("mine.keras")


def test_a_network_for_other_images_is_told(restore, tmp_path):
    keras.Sequential([keras.Input((32, 32, 3)), keras.layers.ReLU()]).save(tmp_path / "mine.keras")
    with pytest.raises(
        CompendiumError, match=r"takes images \(32, 32, 3\); those of the task are \(28, 28, 1\)"
    ):
        restore("mine.keras")


@pytest.mark.parametrize("ending", own.NETWORKS)
def test_a_damaged_network_is_told(restore, tmp_path, ending):
    (tmp_path / f"mine{ending}").write_bytes(b"no network")
    with pytest.raises(CompendiumError, match=r"^[^\n]*cannot be loaded[^\n]*$"):
        restore(f"mine{ending}")


def message(*fields):
    """Protocol-buffer bytes of (number, value): whole numbers, texts, or messages."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts += [varint(number << 3), varint(value)]
        else:
            content = value.encode() if isinstance(value, str) else value
            parts += [varint(number << 3 | 2), varint(len(content)), content]
    return b"".join(parts)


def varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def onnx(*shape):
    """A network in ONNX that takes the mean of 3x3 pixels, with the channels first, of images of a shape."""
    ints = lambda name, *values: message((1, name), (20, 7), *((8, value) for value in values))  # noqa: E731
    node = message(
        (1, "noisy"), (2, "restored"), (4, "AveragePool"),
        (5, ints("kernel_shape", 3, 3)), (5, ints("pads", 1, 1, 1, 1)),
    )  # fmt: skip
    dimensions = [(1, message((1, side) if isinstance(side, int) else (2, side))) for side in shape]
    tensor = message((1, message((1, 1), (2, message(*dimensions)))))
    ends = [(number, message((1, name), (2, tensor))) for number, name in ((11, "noisy"), (12, "restored"))]
    graph = message((1, node), (2, "graph"), *ends)
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 13))))


@pytest.mark.parametrize("batch", [1, "n"])
def test_an_onnx_network_with_channels_first_is_given_them_so(restore, tmp_path, batch):
    pytest.importorskip("onnxruntime")
    task = tasks.task("salt-pepper")
    sets = data.load("photos"), data.load("photos", "test")
    problem = tasks.problems(task, *sets, test_images=6)["30 %"]
    (tmp_path / "mine.onnx").write_bytes(onnx(batch, 3, 32, 32))
    expected = ndimage.uniform_filter(problem.noisy_test, (1, 3, 3, 1))
    inner = slice(1, -1)
    restored = restore("mine.onnx", of=problem).images
    np.testing.assert_allclose(restored[:, inner, inner], expected[:, inner, inner], atol=1e-6)
