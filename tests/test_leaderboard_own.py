"""A method of one's own, in a process of its own: what it is given, and each way to be wrong, in one line."""

import subprocess
import sys

import keras
import nbformat
import numpy as np
import psutil
import pytest
from scipy import ndimage
from waiting import wait_for

from compendium import baselines, data, noise, own, project
from compendium.errors import CompendiumError, UsageError
from compendium.leaderboard import apart, saved, tasks

METHODS = """\
import os
import subprocess
import sys
import threading

import numpy as np


def unchanged(noisy):
    return noisy

def halved(noisy):
    noisy *= 0.5
    return noisy

def fails(noisy):
    return noisy / np.zeros((2, 2))

def leaves(noisy):
    os._exit(3)

def endless(noisy):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])

def endless_beside(noisy):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("beside:", process.pid, flush=True)
    threading.Event().wait()

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

def defaulted(noisy, clean=None, validation=None, seed=0):
    return lambda given: given

def two(noisy, sigma):
    return noisy

def by_name(noisy, *, sigma):
    return noisy

none = lambda: 0
alias = train
short = lambda noisy: noisy

def trains_keras(noisy, clean, validation, seed):
    import keras
    return keras.Sequential([keras.Input(clean.shape[1:]), keras.layers.Rescaling(3.0, offset=-1.0)])

def asks(noisy):
    return noisy * float(input("strength? "))

def gives_up(noisy):
    sys.exit()

def reads(noisy):
    from beside import factor
    return np.load("weights.npy") * factor * noisy

def half(image):
    return image / 2

def pooled(noisy):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return np.stack([*pool.map(half, noisy)])

def burns(noisy):
    subprocess.run([sys.executable, "-c", "sum(range(10**8))"])
    return noisy

def leaves_behind(noisy):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(sleep, start_new_session=True)
    print("left behind:", process.pid)
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

    def restored(name, seed=0, minutes=5):
        spec = str(tmp_path / name) if own.is_network(name) else f"{tmp_path / 'mine.py'}:{name}"
        return apart.method(spec, minutes=minutes, folder=tmp_path).restore(problem, seed)

    return restored


def test_a_function_restores_what_it_would_here_and_may_change_its_input(restore, problem):
    np.testing.assert_array_equal(restore("unchanged").images, problem.noisy_test)
    before = problem.noisy_test.copy()
    np.testing.assert_array_equal(restore("halved").images, 0.5 * before)
    np.testing.assert_array_equal(problem.noisy_test, before)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fails", r"mine\.py, line 17: ValueError: operands could not be broadcast"),
        ("leaves", "its process ended with status 3 before the images were restored"),
        ("trains_to_nothing", "gives nothing, not a function"),
        ("asks", "EOFError"),
        ("gives_up", "SystemExit; correct it"),
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


def test_what_it_started_and_does_not_wait_for_is_ended_too(restore, tmp_path, monkeypatch):
    class Impatient(subprocess.Popen):
        """Whose time is over as soon as the method has started something."""

        def wait(self, timeout=None):
            if timeout:
                wait_for(lambda: "beside: " in (tmp_path / apart.LOG).read_text(encoding="utf-8"))
                raise subprocess.TimeoutExpired(self.args, timeout)
            return super().wait()

    monkeypatch.setattr(subprocess, "Popen", Impatient)
    with pytest.raises(CompendiumError, match="not done after"):
        restore("endless_beside")
    beside = int((tmp_path / apart.LOG).read_text(encoding="utf-8").split("beside: ")[1])
    wait_for(lambda: not psutil.pid_exists(beside) or psutil.Process(beside).status() == "zombie")


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


def test_its_arguments_say_whether_a_function_trains(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(METHODS, encoding="utf-8")
    for name in ("train", "alias", "defaulted"):
        assert own.trains(f"{path}:{name}")
    for name in ("unchanged", "defaults", "short", "np"):
        assert not own.trains(f"{path}:{name}")
    for name in ("two", "by_name", "none"):
        with pytest.raises(
            UsageError, match=r"a method takes \(noisy\), or \(noisy, clean, validation, seed\)"
        ):
            own.trains(f"{path}:{name}")


def test_a_method_finds_what_lies_beside_it_wherever_the_command_is_typed(restore, problem, tmp_path):
    (tmp_path / "beside.py").write_text("factor = 0.5\n", encoding="utf-8")
    np.save(tmp_path / "weights.npy", np.float32(0.5))
    np.testing.assert_array_equal(restore("reads").images, 0.25 * problem.noisy_test)


def test_processes_that_it_starts_can_import_it(restore, problem):
    np.testing.assert_array_equal(restore("pooled").images, problem.noisy_test / 2)


def test_the_time_of_processes_that_it_starts_counts(restore):
    assert restore("burns").seconds > 0.3 > restore("unchanged").seconds


def test_the_time_to_load_a_method_does_not_count(restore, tmp_path):
    (tmp_path / "beside.py").write_text("sum(range(10**8))\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(f"import beside\n{METHODS}", encoding="utf-8")
    restored = restore("unchanged")
    assert restored.seconds < 0.3
    assert restored.training_seconds == 0


def test_what_it_leaves_behind_is_ended(restore, tmp_path):
    restore("leaves_behind")
    printed = (tmp_path / apart.LOG).read_text(encoding="utf-8")
    assert not psutil.pid_exists(int(printed.split("left behind: ")[1]))


@pytest.mark.needs("posix")
def test_nothing_of_it_outlives_the_process_that_waits_for_it(tmp_path):
    (tmp_path / "mine.py").write_text(METHODS, encoding="utf-8")
    script = (
        "import sys; from pathlib import Path; from compendium import data; "
        "from compendium.leaderboard import apart, tasks; "
        "sets = data.load('digits'), data.load('digits', 'test'); "
        "problem = tasks.problems(tasks.task('gaussian-mnist'), *sets, test_images=5)['sigma 0.5']; "
        "apart.method(sys.argv[1], minutes=5, folder=Path(sys.argv[2])).restore(problem, 0)"
    )
    command = [sys.executable, "-c", script, f"{tmp_path / 'mine.py'}:endless", str(tmp_path)]
    waiting = subprocess.Popen(command)
    this = psutil.Process(waiting.pid)

    def asleep():
        return [one for one in this.children(recursive=True) if "sleep" in str(one.cmdline())]

    wait_for(asleep, waiting)
    started = this.children(recursive=True)
    waiting.kill()
    waiting.wait()
    wait_for(lambda: not any(one.is_running() and one.status() != "zombie" for one in started))


def test_a_training_may_return_a_keras_model(restore, problem):
    expected = (3 * problem.noisy_test - 1).clip(0, 1)
    restored = restore("trains_keras")
    np.testing.assert_allclose(restored.images, expected, atol=1e-6)
    assert restored.curve["seconds"].tolist() == [restored.training_seconds]
    assert restore("unchanged").curve is None


# --- saved networks


def test_a_keras_network_is_loaded_and_clipped(restore, problem, tmp_path):
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(3.0, offset=-1.0)])
    network.save(tmp_path / "mine.keras")
    expected = (3 * problem.noisy_test - 1).clip(0, 1)
    np.testing.assert_allclose(restore("mine.keras").images, expected, atol=1e-6)


def test_a_keras_network_with_code_in_it_is_refused(tmp_path):
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Lambda(lambda x: 1 - x)])
    network.save(tmp_path / "mine.keras")
    with pytest.raises(CompendiumError, match="cannot be loaded"):
        saved.network(tmp_path / "mine.keras")


def test_a_network_for_other_images_is_told(problem, tmp_path):
    keras.Sequential([keras.Input((32, 32, 3)), keras.layers.ReLU()]).save(tmp_path / "mine.keras")
    denoise = saved.network(tmp_path / "mine.keras")
    with pytest.raises(
        CompendiumError, match=r"takes images \(32, 32, 3\); those of the task are \(28, 28, 1\)"
    ):
        denoise(problem.noisy_test)


def test_a_network_with_two_outputs_or_none_known_is_told(tmp_path):
    given = keras.Input((28, 28, 1))
    outputs = keras.layers.ReLU()(given), keras.layers.Rescaling(0.5)(given)
    keras.Model(given, [*outputs]).save(tmp_path / "mine.keras")
    with pytest.raises(CompendiumError, match="has 1 inputs and 2 outputs; expected one of each"):
        saved.network(tmp_path / "mine.keras")
    keras.Sequential([keras.layers.ReLU()]).save(tmp_path / "mine.keras")
    with pytest.raises(CompendiumError, match=r"begin the network with keras\.Input"):
        saved.network(tmp_path / "mine.keras")


@pytest.mark.parametrize("ending", own.NETWORKS)
def test_a_damaged_network_is_told(tmp_path, ending):
    (tmp_path / f"mine{ending}").write_bytes(b"no network")
    with pytest.raises(CompendiumError, match=r"^[^\n]*cannot be loaded[^\n]*$"):
        saved.network(tmp_path / f"mine{ending}")


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


def onnx(*shape, of="float"):
    """A network in ONNX for images of a shape: with floats the mean of 3x3 pixels, else ReLU."""
    ints = lambda name, *values: message((1, name), (20, 7), *((8, value) for value in values))  # noqa: E731
    mean = [(4, "AveragePool"), (5, ints("kernel_shape", 3, 3)), (5, ints("pads", 1, 1, 1, 1))]
    node = message((1, "noisy"), (2, "restored"), *(mean if of == "float" else [(4, "Relu")]))
    dimensions = [(1, message((1, side) if isinstance(side, int) else (2, side))) for side in shape]
    tensor = message((1, message((1, {"float": 1, "double": 11}[of]), (2, message(*dimensions)))))
    ends = [(number, message((1, name), (2, tensor))) for number, name in ((11, "noisy"), (12, "restored"))]
    graph = message((1, node), (2, "graph"), *ends)
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 13))))


@pytest.mark.parametrize(("batch", "of"), [(1, "float"), (4, "float"), ("n", "float"), ("n", "double")])
def test_an_onnx_network_is_given_what_it_takes(tmp_path, batch, of):
    pytest.importorskip("onnxruntime")
    task = tasks.task("salt-pepper")
    sets = data.load("photos"), data.load("photos", "test")
    problem = tasks.problems(task, *sets, test_images=6)["30 %"]
    (tmp_path / "mine.onnx").write_bytes(onnx(batch, 3, 32, 32, of=of))
    noisy = problem.noisy_test
    expected = ndimage.uniform_filter(noisy, (1, 3, 3, 1)) if of == "float" else noisy
    inner = slice(1, -1)
    restored = saved.network(tmp_path / "mine.onnx")(noisy)
    np.testing.assert_allclose(restored[:, inner, inner], expected[:, inner, inner], atol=1e-6)


def test_an_onnx_network_that_does_not_say_where_its_channels_are_is_refused(problem, tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "mine.onnx").write_bytes(onnx("n", "a", "b", "c"))
    denoise = saved.network(tmp_path / "mine.onnx")
    with pytest.raises(CompendiumError, match="does not say where its channels are"):
        denoise(problem.noisy_test)


# --- the examples


@pytest.mark.parametrize(
    ("example", "task"),
    [
        ("weighted_mean.py:denoise", "salt-pepper"),
        ("small_network.py:train", "gaussian-mnist"),
        pytest.param("small_network.py:train", "gaussian-cifar10", marks=pytest.mark.thorough),
    ],
)
def test_an_example_restores_better_than_the_noisy_input(tmp_path, example, task):
    chosen = tasks.task(task)
    sets = data.load(chosen.embedded), data.load(chosen.embedded, "test")
    found = tasks.problems(chosen, *sets, train_images=400, test_images=20)
    problem = next(iter(found.values()))
    method = apart.method(f"{project.ROOT / 'examples'}/{example}", minutes=10, folder=tmp_path)
    clean = problem.test / 255
    error = np.square(method.restore(problem, 0).images - clean).mean()
    assert error < 0.9 * np.square(problem.noisy_test - clean).mean()


def test_the_page_s_denoiser_is_the_example():
    cells = nbformat.read(project.chapter_path("evaluate"), 4).cells
    (shown,) = (cell.source for cell in cells if "def weighted_mean" in cell.source)
    space = {"np": np, "impulse_mask": baselines.impulse_mask, "gaussian_filter": ndimage.gaussian_filter}
    exec(shown, space)
    noisy, _ = noise.salt_pepper(data.load("photos", "test").images[:4] / 255, fraction=0.6, seed=1)
    denoise = own.load(f"{project.ROOT / 'examples' / 'weighted_mean.py'}:denoise")
    np.testing.assert_array_equal(space["weighted_mean"](noisy), denoise(noisy))
