import importlib.util
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from waiting import wait_for

from compendium import data, noise, training
from compendium.errors import CompendiumError

TRAIN, TEST = data.load("photos", "train").images[:96], data.load("photos", "test").images[:40]
# three batches of 32: a smaller last batch would be another graph, which takes longer than the training


def corrupt(images, seed):
    return noise.salt_pepper(images, fraction=0.3, seed=seed)[0]


NOISY_TEST = corrupt(TEST, 1)


def network(*extra):
    """Convolutions, pooling and upsampling as in the chapters, small enough to train in milliseconds."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            *extra,
            layers.UpSampling2D(),
            layers.Conv2D(3, 3, padding="same", activation="sigmoid"),
        ]
    )


def dropout_network():
    return network(layers.Dropout(0.3), layers.BatchNormalization())


def fit(model, reference=TRAIN, **options):
    """Train `model`; `options` replace what is usual here."""
    usual = {"corrupt": corrupt, "validation": (NOISY_TEST, TEST), "epochs": 1, "batch_size": 32, "seed": 7}
    return training.fit(model, reference, **usual | options)


def train(
    *,
    build=network,
    epochs=2,
    seed=7,
    initial_seed=7,
    learning_rate=0.01,
    name="adam",
    reference=TRAIN,
    **options,
):
    """Build and train a network as a chapter does; return its weights and its learning curves."""
    training.set_seed(initial_seed)
    model = build()
    optimizer = keras.optimizers.Adam(learning_rate, name=name)
    curves = fit(model, reference, epochs=epochs, seed=seed, optimizer=optimizer, **options)
    return model.get_weights(), curves


def same(weights, others):
    return all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


def assert_same_run(run, other):
    assert same(run[0], other[0])
    assert run[1].drop(columns="seconds").equals(other[1].drop(columns="seconds"))


@pytest.fixture(scope="module")
def four_epochs():
    return train(epochs=4)


# --- learning


def test_learning_curves(four_epochs):
    _, curves = four_epochs
    assert list(curves.columns) == ["epoch", "loss", "val_loss", "seconds"]
    assert list(curves["epoch"]) == [1, 2, 3, 4]
    assert curves["loss"].is_monotonic_decreasing
    assert curves["val_loss"].iloc[-1] < curves["val_loss"].iloc[0]
    assert (curves["seconds"] > 0).all()


def test_curves_are_means_over_all_images():
    # with a rate of zero the weights stay, so the means can be computed afterwards
    training.set_seed(0)
    reference = TRAIN[:68]  # 2 * 32 + 4
    model = network()
    metric = keras.metrics.MeanAbsoluteError(name="mae")
    curves = fit(model, reference, optimizer=keras.optimizers.SGD(0.0), metrics=[metric])
    assert list(curves.columns) == ["epoch", "loss", "mae", "val_loss", "val_mae", "seconds"]
    row = curves.iloc[0]
    for prefix, noisy, clean in (("", corrupt(reference, 7), reference), ("val_", NOISY_TEST, TEST)):
        error = training.predict(model, noisy).astype(np.float64) - clean / 255
        assert row[f"{prefix}loss"] == pytest.approx((error**2).mean(), rel=1e-5)
        assert row[f"{prefix}mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)


def test_the_given_model_holds_the_trained_weights():
    training.set_seed(7)
    model = network()
    before = model.get_weights()
    curves = fit(model, optimizer=keras.optimizers.Adam(0.01))
    assert not any(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    # the layers as they were written, not their faster equal
    reconstruction = keras.ops.convert_to_numpy(model(NOISY_TEST.astype(np.float32) / 255))
    assert ((reconstruction - TEST / 255) ** 2).mean() == pytest.approx(curves["val_loss"][0], rel=1e-5)
    np.testing.assert_allclose(training.predict(model, NOISY_TEST), reconstruction, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(
        training.predict(model, NOISY_TEST), training.predict(model, NOISY_TEST / 255)
    )


def test_a_loss_that_is_no_number_ends_the_training(tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"

    def broken(reference, output):
        return keras.ops.mean(output) * float("nan")

    _, curves = train(epochs=5, loss=broken, checkpoint=checkpoint)
    assert list(curves["epoch"]) == [1]
    assert not np.isfinite(curves["loss"]).any()
    assert train(epochs=5, loss=broken, checkpoint=checkpoint)[1].equals(curves)


def test_a_training_ends_at_the_batch_whose_loss_is_no_number():
    optimizer = keras.optimizers.SGD(float("nan"))
    assert not np.isfinite(fit(network(), optimizer=optimizer)["loss"]).any()
    assert optimizer.iterations == 2  # the first loss is of the initial weights; there are three batches
    optimizer = keras.optimizers.SGD(float("nan"))
    assert train_steps(small_classifier(), optimizer) == 2


# --- repeatability


def test_the_same_seed_gives_the_same_weights(four_epochs):
    assert_same_run(train(epochs=4), four_epochs)


@pytest.mark.parametrize("name", ["seed", "initial_seed"])
def test_another_seed_gives_other_weights(four_epochs, name):
    assert not same(train(epochs=4, **{name: 8})[0], four_epochs[0])


def test_redrawn_noise_differs_and_is_repeatable(four_epochs):
    redrawn = train(epochs=4, redraw=True)
    assert_same_run(train(epochs=4, redraw=True), redrawn)
    assert redrawn[1]["loss"][0] == four_epochs[1]["loss"][0]  # the first epoch's noise is the same
    assert redrawn[1]["loss"][1] != four_epochs[1]["loss"][1]


def test_noise_is_drawn_once_or_every_epoch():
    seeds = {False: [], True: []}
    for redraw, drawn in seeds.items():

        def noted(images, seed, drawn=drawn):
            drawn.append(seed)
            return corrupt(images, seed)

        train(epochs=3, redraw=redraw, corrupt=noted)
    assert seeds[False] == [7]
    assert len(set(seeds[True])) == 3


def test_bytes_and_floats_give_the_same_weights(four_epochs):
    as_floats = train(
        epochs=4,
        reference=TRAIN.astype(np.float32) / 255,
        validation=(NOISY_TEST.astype(np.float32) / 255, TEST.astype(np.float32) / 255),
    )
    assert_same_run(as_floats, four_epochs)


# --- checkpoints

KILLED = """
import sys, time
from pathlib import Path
from compendium import training
import test_training
training.SECONDS_BETWEEN_CHECKPOINTS = 0
drawn = []

def corrupt(images, seed):
    drawn.append(seed)
    if len(drawn) == 25:  # of 30, where it was not killed before
        time.sleep(3600)
    return test_training.corrupt(images, seed)

test_training.train(epochs=30, redraw=True, corrupt=corrupt, checkpoint=Path(sys.argv[1]))
"""


def epochs_in(checkpoint):
    if not checkpoint.exists():
        return 0
    with np.load(checkpoint) as content:
        return len(json.loads(str(content["description"]))["rows"])


def test_a_killed_run_resumes_to_the_same_weights(tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(checkpoint)], env=environment, stderr=subprocess.PIPE
    )
    try:
        wait_for(lambda: epochs_in(checkpoint) > 1, process)
    finally:
        process.kill()
        _, messages = process.communicate()
    assert process.returncode != 0
    assert messages == b""  # no progress bar in a log, no chatter of the backend

    drawn = []

    def noted(images, seed):
        drawn.append(seed)
        return corrupt(images, seed)

    resumed = train(epochs=30, redraw=True, corrupt=noted, checkpoint=checkpoint)
    assert 1 < len(drawn) < 30  # the rest of the epochs, not all of them again
    assert_same_run(resumed, train(epochs=30, redraw=True))


def test_a_failure_while_a_checkpoint_is_written_leaves_the_older_one(tmp_path, monkeypatch, four_epochs):
    checkpoint = tmp_path / "checkpoint.npz"
    replace, replaced = os.replace, []

    def fails_the_third_time(source, target):
        if len(replaced) == 2:
            raise OSError(28, "No space left on device")
        replaced.append(target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 0)
        patch.setattr(os, "replace", fails_the_third_time)
        with pytest.raises(CompendiumError, match=r"checkpoint\.npz: .*No space left"):
            train(epochs=4, checkpoint=checkpoint)
    assert os.listdir(tmp_path) == ["checkpoint.npz"]
    with pytest.raises(CompendiumError, match="already trained for 2 epochs"):
        train(epochs=1, checkpoint=checkpoint)
    assert_same_run(train(epochs=4, checkpoint=checkpoint), four_epochs)


@pytest.mark.parametrize("build", [network, dropout_network])
def test_extending_a_run_equals_the_longer_run(tmp_path, build):
    checkpoint = tmp_path / "folder" / "checkpoint.npz"
    train(build=build, epochs=2, checkpoint=checkpoint)
    extended = train(build=build, epochs=4, checkpoint=str(checkpoint))
    assert_same_run(extended, train(build=build, epochs=4))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The bytes of a checkpoint of two epochs, and the run that wrote it."""
    checkpoint = tmp_path_factory.mktemp("finished") / "checkpoint.npz"
    run = train(checkpoint=checkpoint)
    return checkpoint.read_bytes(), run


@pytest.fixture
def checkpoint(finished, tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(finished[0])
    return path


def test_a_finished_run_is_read_back_without_training(finished, checkpoint, monkeypatch):
    monkeypatch.setattr(keras.Model, "train_on_batch", None)
    weights, curves = train(checkpoint=checkpoint)
    assert same(weights, finished[1][0])
    assert curves.equals(finished[1][1])  # seconds too
    assert checkpoint.read_bytes() == finished[0]


def test_a_run_resumes_in_the_same_process_with_an_unnamed_optimizer(tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    first = train(name=None, checkpoint=checkpoint)
    assert_same_run(train(name=None, checkpoint=checkpoint), first)


def wider():
    return keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 5, padding="same")])


OTHERS = {
    "network": {"build": wider},
    "initial weights": {"initial_seed": 8},
    "order": {"seed": 8},
    "rate": {"learning_rate": 0.02},
    "batch size": {"batch_size": 50},
    "loss": {"loss": "mae"},
    "redraw": {"redraw": True},
    "images": {"reference": TRAIN[::-1]},
    "noise": {"corrupt": lambda images, seed: noise.salt_pepper(images, fraction=0.6, seed=seed)[0]},
    "validation images": {"validation": (NOISY_TEST[::-1], TEST[::-1])},
    "metrics": {"metrics": [keras.metrics.MeanAbsoluteError()]},
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_checkpoint_of_another_configuration_is_left_alone(checkpoint, name):
    before = checkpoint.read_bytes()
    train(checkpoint=checkpoint, **OTHERS[name])
    assert checkpoint.read_bytes() == before
    (other,) = checkpoint.parent.glob(f"{checkpoint.stem}-*.npz")
    written = other.stat().st_mtime_ns
    train(checkpoint=checkpoint, **OTHERS[name])  # goes on from its own
    assert [*checkpoint.parent.glob(f"{checkpoint.stem}-*.npz")] == [other]
    assert other.stat().st_mtime_ns == written


def test_a_checkpoint_of_more_epochs_is_refused(checkpoint):
    with pytest.raises(CompendiumError, match="2 epochs, 1 were asked for") as caught:
        train(epochs=1, checkpoint=checkpoint)
    assert_names_the_file(caught, checkpoint)


def another_archive():
    content = io.BytesIO()
    np.savez(content, weights=np.zeros(3))
    return content.getvalue()


def one_array():
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def with_a_pickle(name):
    content = io.BytesIO()
    np.savez(content, **{"description": np.array("{}"), name: np.array([Bomb()], dtype=object)})
    return content.getvalue()


def with_a_bit_flipped(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


DAMAGES = {
    "empty": lambda whole: b"",
    "one byte": lambda whole: whole[:1],
    "half": lambda whole: whole[: len(whole) // 2],
    "last byte missing": lambda whole: whole[:-1],
    "text": lambda whole: b"not a checkpoint\n" * 100,
    "random": lambda whole: np.random.default_rng(0).bytes(len(whole)),
    "a value changed": lambda whole: with_a_bit_flipped(whole, whole.index(b"variable_0.npy") + 200),
    "another archive": lambda whole: another_archive(),
    "an array": lambda whole: one_array(),
    "a pickle as a weight": lambda whole: with_a_pickle("variable_0"),
    "a pickle as the description": lambda whole: with_a_pickle("description"),
    "a pickle alone": lambda whole: pickle.dumps(Bomb()),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_or_hostile_checkpoint_is_refused_and_kept(checkpoint, monkeypatch, name):
    monkeypatch.chdir(checkpoint.parent)
    damaged = DAMAGES[name](checkpoint.read_bytes())
    checkpoint.write_bytes(damaged)
    with pytest.raises(CompendiumError, match="not a readable checkpoint") as caught:
        train(checkpoint=checkpoint)
    assert_names_the_file(caught, checkpoint)
    assert checkpoint.read_bytes() == damaged
    assert os.listdir() == ["checkpoint.npz"]


def assert_names_the_file(caught, path):
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "delete it" in message or "choose another folder" in message


# --- progress


def test_quiet_in_a_log(capsys):
    train(epochs=1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.needs("posix")
def test_a_progress_bar_in_a_terminal(monkeypatch):
    import pty
    import select
    import termios

    terminal, shown = pty.openpty()
    termios.tcsetwinsize(shown, (24, 80))
    with open(shown, "w", encoding="utf-8") as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        train(epochs=2)
        printed = b""
        while select.select([terminal], [], [], 0)[0]:  # a read gives a part of what a slow machine draws
            printed += os.read(terminal, 10_000)
    assert b"2/2" in printed
    os.close(terminal)


# --- other backends of Keras


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_learn_repeat_and_resume(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    selected = "curves or same_seed or extending or redrawn or given_model"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", selected, __file__]
    finished = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, encoding="utf-8"
    )
    assert finished.returncode == 0, finished.stdout[-5000:]
    assert "7 passed" in finished.stdout


def small_classifier():
    layers = [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    return keras.Sequential(layers)


def train_steps(model, optimizer, steps=20, number=60):
    images = np.random.default_rng(0).integers(0, 256, (number, 4, 4, 1), np.uint8)
    options = {"batch_size": 10, "optimizer": optimizer, "seed": 3}
    training.fit_steps(model, images, np.arange(number) % 3, steps=steps, **options)
    return int(optimizer.iterations)


def test_a_classifier_learns_classes_that_differ():
    images = np.zeros((60, 4, 4, 1), np.uint8)
    labels = np.arange(60) % 3
    images[np.arange(60), labels] = 255
    model, optimizer = small_classifier(), keras.optimizers.Adam(0.1)
    training.fit_steps(model, images, labels, steps=40, batch_size=20, optimizer=optimizer, seed=1)
    assert (training.predict(model, images).argmax(axis=1) == labels).all()


def test_a_classifier_takes_as_many_steps_as_asked_for_whatever_the_number_of_images():
    for number in (3, 60):
        model, optimizer = small_classifier(), keras.optimizers.Adam(0.1)
        assert train_steps(model, optimizer, steps=7, number=number) == 7
        assert train_steps(model, optimizer, steps=5, number=number) == 12  # it goes on


def test_a_restarted_classifier_trains_as_one_built_anew():
    training.set_seed(1)
    new = small_classifier()
    train_steps(new, keras.optimizers.Adam(0.1))
    used, optimizer = small_classifier(), keras.optimizers.Adam(0.1)
    train_steps(used, optimizer)
    assert not same(used.get_weights(), new.get_weights())
    training.set_seed(1)
    training.restart(used)
    assert train_steps(used, optimizer) == 20
    assert same(used.get_weights(), new.get_weights())
