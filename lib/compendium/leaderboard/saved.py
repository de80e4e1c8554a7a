"""Saved networks of Keras and ONNX as denoisers; no code in their files is run."""

from pathlib import Path
from typing import Any

import numpy as np

from compendium.errors import CompendiumError, one_line
from compendium.leaderboard.denoise import Denoise

ONNX_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


def network(path: Path) -> Denoise:
    """Return what a saved network does to images, clipped to [0, 1]; no code in its file is run.

    Raises CompendiumError where it cannot be read, or needs code of its own to be run.
    """
    load = _keras_network if path.suffix == ".keras" else _onnx_network
    try:
        apply = load(path)
    except ModuleNotFoundError:
        raise CompendiumError(
            f"{path}: needs onnxruntime; in the checkout, type: .venv/bin/python -m pip install onnxruntime"
        ) from None
    except CompendiumError:
        raise
    except Exception as fault:  # each library has its own
        reason = one_line(fault).partition(". ")[0]
        raise CompendiumError(
            f"{path}: cannot be loaded ({type(fault).__name__}: {reason}); "
            "save it anew, without layers or functions of your own"
        ) from fault
    return apply


def _keras_network(path: Path) -> Denoise:
    import keras

    from compendium import models  # noqa: F401 (so that Keras knows the library's layers)

    network = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not network.built:
        raise CompendiumError(f"{path}: has no known input; begin the network with keras.Input(image_shape)")
    _check_ends(path, len(network.inputs), len(network.outputs))

    def apply(noisy: np.ndarray) -> np.ndarray:
        _check_takes(path, network.input_shape, noisy)
        return of_keras(network)(noisy)

    return apply


def of_keras(network: Any) -> Denoise:
    """Return what a Keras model does to images, clipped to [0, 1]."""
    from compendium import training

    return lambda noisy: np.clip(training.predict(network, noisy), 0, 1)


def _onnx_network(path: Path) -> Denoise:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given, *others = session.get_inputs()
    _check_ends(path, 1 + len(others), len(session.get_outputs()))
    shape = tuple(side if isinstance(side, int) else None for side in given.shape)
    if given.type not in ONNX_TYPES:
        raise CompendiumError(f"{path}: takes {given.type}; export it with floats as input")

    def apply(noisy: np.ndarray) -> np.ndarray:
        images = noisy.astype(ONNX_TYPES[given.type])
        if len(shape) == 4 and shape[1] is shape[-1] is None:
            raise CompendiumError(
                f"{path}: does not say where its channels are; export it with their number fixed"
            )
        # PyTorch's networks have the channels before height and width
        first = len(shape) == 4 and shape[1] == noisy.shape[-1] != shape[-1]
        images = images.transpose(0, 3, 1, 2) if first else images
        _check_takes(path, shape, images)
        outputs = _in_steps(lambda batch: session.run(None, {given.name: batch})[0], images, shape[0])
        outputs = outputs.transpose(0, 2, 3, 1) if first else outputs
        return outputs.astype(np.float32).clip(0, 1)

    return apply


def _in_steps(apply: Denoise, images: np.ndarray, step: int | None) -> np.ndarray:
    """Apply a network that takes `step` images at a time, or any number; the last ones are filled up."""
    step = step or len(images)
    filled = np.concatenate([images, np.repeat(images[-1:], -len(images) % step, axis=0)])
    batches = (np.ascontiguousarray(filled[start : start + step]) for start in range(0, len(filled), step))
    return np.concatenate([apply(batch) for batch in batches])[: len(images)]


def _check_ends(path: Path, inputs: int, outputs: int) -> None:
    if (inputs, outputs) != (1, 1):
        raise CompendiumError(
            f"{path}: has {inputs} inputs and {outputs} outputs; expected one of each, "
            "noisy and restored images"
        )


def _check_takes(path: Path, shape: tuple[int | None, ...], images: np.ndarray) -> None:
    fits = len(shape) == images.ndim and all(
        side in (None, there) for side, there in zip(shape[1:], images.shape[1:], strict=True)
    )
    if not fits:
        raise CompendiumError(f"{path}: takes images {shape[1:]}; those of the task are {images.shape[1:]}")
