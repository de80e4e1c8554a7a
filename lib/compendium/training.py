"""Train a Keras model on corrupted images: repeatably, resumably, and fast on few cores."""

import hashlib
import io
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pandas as pd

from compendium import progress
from compendium.errors import CompendiumError
from compendium.files import own_name, write_atomically
from compendium.images import as_float
from compendium.models.fused import fuse

Corruption = Callable[[np.ndarray, int], np.ndarray]
"""`corrupt(reference, seed) -> noisy`: uint8 or float images, as many, of the shape that the model takes."""

SECONDS_BETWEEN_CHECKPOINTS = 5.0


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and the Keras backend, and make the backend's operations deterministic.

    Call it before a model is built, so that the initial weights are repeatable too.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        import torch

        torch.use_deterministic_algorithms(True)


def fit(
    model: keras.Model,
    reference: np.ndarray,
    corrupt: Corruption,
    *,
    validation: tuple[np.ndarray, np.ndarray],
    epochs: int,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
    seed: int,
    loss: str | Callable[..., Any] = "mse",
    metrics: Sequence[keras.metrics.Metric] = (),
    redraw: bool = False,
    checkpoint: Path | str | None = None,
) -> pd.DataFrame:
    """Train `model` to map corrupted images to their references; its weights are updated in place.

    The order of the images in an epoch and redrawn noise are functions of (`seed`, epoch) alone, so a run
    that is killed and called again with the same `checkpoint` ends with the weights of an uninterrupted one.
    The first loss that is no finite number ends the training: the weights cannot recover from it.

    Args:
        model: maps noisy images to reconstructions, float32 in [0, 1].
        reference: clean images `(n, h, w, c)`, uint8 or float in [0, 1].
        corrupt: gives the noisy images.
        validation: noisy and clean images, evaluated after every epoch.
        epochs: passes over the training images, 1 or more.
        batch_size: images per optimizer step; the last batch of an epoch may be smaller.
        optimizer: a fresh Keras optimizer.
        seed: 0 or more; of the order of the images and of the noise.
        loss: name of a Keras loss, or a function of clean and reconstructed images.
        metrics: Keras metrics that are means over the images, reported beside the loss.
        redraw: draw new noise every epoch, instead of once for all epochs as the papers do.
        checkpoint: file that holds the latest state; written every few seconds at the end of an epoch. Where
            it holds that of another configuration (network, data, noise or optimizer differ), it is left
            alone, and this one gets a name of its own beside it.

    Returns:
        One row per epoch: `epoch` from 1, `loss`, each metric, the same with prefix `val_`, and `seconds`.
        `loss` is the mean over the epoch's batches while the weights change; `val_loss` is after the epoch.
        The epoch in which the loss stops being finite is the last one.

    Raises:
        CompendiumError: the checkpoint is unreadable, or of more epochs than were asked for.
    """
    trained = fuse(model)
    # Keras's own choice compiles with XLA, which is slower on few cores; JAX needs it.
    jit = "auto" if keras.backend.backend() == "jax" else False
    trained.compile(optimizer=optimizer, loss=loss, metrics=list(metrics), jit_compile=jit)
    optimizer.build(trained.trainable_variables)

    noisy = corrupt(reference, seed)
    named = loss if isinstance(loss, str) else f"{loss.__module__}.{loss.__qualname__}"
    settings = [named, batch_size, seed, redraw, [metric.name for metric in metrics]]
    identity = _identity(trained, settings, [noisy, reference, *validation]) if checkpoint else ""
    checkpoint = own_name(Path(checkpoint), identity, _identity_in) if checkpoint else None
    rows = _restore(checkpoint, trained, epochs) if checkpoint and checkpoint.exists() else []
    if len(rows) > epochs:
        raise CompendiumError(
            f"{checkpoint}: already trained for {len(rows)} epochs, {epochs} were asked for; "
            "choose another folder for a shorter run"
        )

    if rows and not math.isfinite(rows[-1]["loss"]):
        epochs = len(rows)
    saved_at = time.monotonic()
    for epoch in progress.epochs(len(rows) + 1, epochs, checkpoint.stem if checkpoint else "training"):
        started = time.perf_counter()
        if redraw and epoch > 1:
            noisy = corrupt(reference, _derive(seed, epoch))
        order = np.random.default_rng(_derive(seed, epoch)).permutation(len(reference))
        _seed_global_generator(_derive(seed, epoch))
        logs = _mean_over_batches(trained, "train", noisy, reference, order, batch_size)
        values = _mean_over_batches(trained, "test", *validation, np.arange(len(validation[0])), 500)
        logs |= {f"val_{name}": value for name, value in values.items()}
        rows.append({"epoch": epoch, **logs, "seconds": time.perf_counter() - started})
        diverged = not math.isfinite(logs["loss"])
        if checkpoint and (
            diverged or epoch == epochs or time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS
        ):
            _save(checkpoint, identity, rows, _variables(trained), weights=len(trained.variables))
            saved_at = time.monotonic()
        if diverged:
            break
    if trained is not model:
        model.set_weights(trained.get_weights())
    return pd.DataFrame(rows)


def once(
    model: keras.Model,
    fit: Callable[[], pd.DataFrame],
    *,
    settings: Mapping[str, object],
    arrays: Sequence[np.ndarray],
    checkpoint: Path | str,
) -> pd.DataFrame:
    """Train a model by a function of the caller's; where a checkpoint holds what came of it, load that.

    Args:
        model: compiled, with its initial weights; its weights are updated in place.
        fit: trains it and returns its learning curve, one row per epoch.
        settings: what `fit` rests on beside the network, its optimizer and the arrays.
        arrays: the images that `fit` uses.
        checkpoint: file for curve and weights, without the optimizer's state. One of another configuration
            is left alone, as by `fit` of this module.

    Raises CompendiumError where the checkpoint is unreadable.
    """
    identity = _identity(model, settings, arrays)
    checkpoint = own_name(Path(checkpoint), identity, _identity_in)
    if checkpoint.exists():
        return pd.DataFrame(_restore(checkpoint, model, 0))
    curve = fit()
    _save(checkpoint, identity, curve.to_dict("records"), model.variables)
    return curve


def fit_steps(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int,
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
    seed: int,
) -> None:
    """Train a classifier with cross-entropy for a number of optimizer steps; updates its weights in place.

    For comparing training sets of different sizes: in equally many epochs the larger one would also get more
    steps. The images of a step are drawn with replacement, by `seed` alone. The first loss that is no finite
    number ends the training. There is no checkpoint: it is meant for networks that train in seconds.

    Args:
        model: ends in one softmax probability per class. If it was trained here before with the same
            `optimizer` it goes on, and is not compiled again; `restart` makes it new.
        images: `(n, h, w, c)`, uint8 or float in [0, 1].
        labels: class numbers `(n,)`, from 0.
        steps: 0 or more.
        batch_size: images per step.
        optimizer: a Keras optimizer, fresh or of this model.
        seed: 0 or more.
    """
    if getattr(model, "optimizer", None) is not optimizer:
        jit = "auto" if keras.backend.backend() == "jax" else False
        model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = rng.integers(len(images), size=batch_size)
        if not math.isfinite(model.train_on_batch(as_float(images[chosen]), labels[chosen])):
            break


def restart(model: keras.Model) -> None:
    """Draw new initial weights for a model and, where it is compiled, give its optimizer a fresh state.

    The model then trains as one that was built anew, but its compiled graph is kept. Call `set_seed` before.
    """
    model.set_weights(keras.models.clone_model(model).get_weights())
    if optimizer := getattr(model, "optimizer", None):
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(model.trainable_variables)
        for variable, initial in zip(optimizer.variables, fresh.variables, strict=True):
            variable.assign(initial)


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the model's outputs, float32 `(n, ...)`, for uint8 or float images `(n, h, w, c)`."""
    batches = (images[start : start + 500] for start in range(0, len(images), 500))
    outputs = [keras.ops.convert_to_numpy(model(as_float(batch), training=False)) for batch in batches]
    return np.concatenate(outputs)


def _mean_over_batches(
    model: keras.Model,
    mode: Literal["train", "test"],
    noisy: np.ndarray,
    reference: np.ndarray,
    order: np.ndarray,
    batch_size: int,
) -> dict[str, float]:
    """Train or test `model` on the batches of `order`; average loss and metrics over the images.

    A training ends at the first loss that is not finite, which makes the mean no finite number either.
    """
    step = model.train_on_batch if mode == "train" else model.test_on_batch
    totals: Counter[str] = Counter()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        model.reset_metrics()  # only newer versions of Keras do so themselves
        logs = step(as_float(noisy[chosen]), as_float(reference[chosen]), return_dict=True)
        totals.update({name: float(value) * len(chosen) for name, value in logs.items()})
        if mode == "train" and not math.isfinite(totals["loss"]):
            break
    return {name: total / len(order) for name, total in totals.items()}


def with_numbers(curve: pd.DataFrame, numbers: Mapping[str, float]) -> pd.DataFrame:
    """Return a learning curve with numbers of the final network in the row of its last epoch."""
    return curve.join(pd.DataFrame(dict(numbers), index=curve.index[-1:]))


def without_optimizer(checkpoint: Path) -> bytes:
    """Return a checkpoint of a finished training as `fit` takes it up to evaluate, not to train on: without
    the optimizer's state, which is twice as large as the weights.

    Raises CompendiumError where the file is not readable.
    """
    description, state = _read(checkpoint)
    return _written(description, state[: description["weights"]])


def _seed_global_generator(seed: int) -> None:
    """Seed what Dropout draws from in the Torch backend; in others the layer has a saved state of its own."""
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)


def _derive(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint32)[0])


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def _identity(model: keras.Model, settings: object, arrays: Sequence[np.ndarray]) -> str:
    """Hash everything that decides the weights and the curves up to a given epoch."""
    optimizer = {name: str(value) for name, value in model.optimizer.get_config().items() if name != "name"}
    # Keras numbers the layers of a process (conv2d_7); a resumed run may count differently.
    network = re.sub(r'_\d+(?=(_fused)?")', "", model.to_json())
    digest = hashlib.sha256(json.dumps([network, optimizer, settings], sort_keys=True).encode())
    for array in (*model.get_weights(), *arrays):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _save(
    path: Path,
    identity: str,
    rows: list[dict[str, float]],
    variables: Sequence[keras.Variable],
    weights: int | None = None,
) -> None:
    """Write a checkpoint; `weights`: how many of the variables are the network's, all without."""
    description = {"identity": identity, "rows": rows, "weights": weights or len(variables)}
    write_atomically(path, _written(description, map(keras.ops.convert_to_numpy, variables)))


def _written(description: dict[str, Any], state: Iterable[np.ndarray]) -> bytes:
    content = io.BytesIO()
    arrays = {f"variable_{index}": array for index, array in enumerate(state)}
    np.savez(content, description=np.array(json.dumps(description)), **arrays)
    return content.getvalue()


def _restore(path: Path, model: keras.Model, epochs: int) -> list[dict[str, float]]:
    """Give the model, and its optimizer, the state in a checkpoint; return the rows of its curve.

    Where that lacks the optimizer's state and does not reach so many epochs, the training starts anew.
    """
    description, state = _read(path)
    if len(state) == description["weights"] and len(description["rows"]) < epochs:
        return []
    variables = _variables(model) if len(state) > description["weights"] else model.variables
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)
    return description["rows"]


def _identity_in(path: Path) -> str:
    description, _ = _read(path)
    return description["identity"]


def _read(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return what a checkpoint says of itself, and its arrays."""
    try:
        with np.load(path, allow_pickle=False) as content:
            description = json.loads(str(content["description"]))
            if missing := {"identity", "rows", "weights"} - {*description}:
                raise ValueError(f"no {missing.pop()} in it")
            return description, [content[f"variable_{index}"] for index in range(len(content.files) - 1)]
    except Exception as error:  # NumPy and zipfile raise many kinds on a damaged file
        raise CompendiumError(
            f"{path}: not a readable checkpoint ({error}); delete it to start anew"
        ) from error
