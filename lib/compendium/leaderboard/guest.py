"""The process of a user's own method: `python -m compendium.leaderboard.guest METHOD SEED FOLDER`.

The folder has the noisy images and, for a method that trains, training and validation images. Restored images
and times are left there, or a line that says what is wrong.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from compendium import own
from compendium.errors import CompendiumError, one_line
from compendium.files import write_atomically
from compendium.leaderboard.methods import Denoise, in_batches

NOISY, NOISY_TRAIN, TRAIN = "noisy.npy", "noisy_train.npy", "train.npy"
NOISY_VALIDATION, VALIDATION = "noisy_validation.npy", "validation.npy"
RESTORED, DONE, FAULT = "restored.npy", "done.json", "fault.txt"


def main() -> None:
    """Restore the folder's noisy images."""
    spec, seed, place = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    try:
        started = time.process_time()
        denoise = _fitted(spec, seed, place)
        fitted = time.process_time()
        noisy = _load(place, NOISY)
        restored = in_batches(denoise, noisy)
        ended = time.process_time()
        np.save(place / RESTORED, restored)
    except CompendiumError as fault:
        write_atomically(place / FAULT, str(fault))
        sys.exit(1)
    times = {"training_seconds": fitted - started, "seconds": ended - fitted}
    write_atomically(place / DONE, json.dumps(times))


def _fitted(spec: str, seed: int, place: Path) -> Denoise:
    """Return the denoiser, which checks what it gives."""
    if own.is_network(spec):
        return own.denoiser(spec, _network(Path(spec)))
    if not own.trains(spec):
        return own.denoiser(spec, own.load(spec))
    noisy, clean, *validation = (
        _load(place, name) for name in (NOISY_TRAIN, TRAIN, NOISY_VALIDATION, VALIDATION)
    )
    return own.denoiser(spec, own.training(spec)(noisy, clean, tuple(validation), seed))


def _network(path: Path) -> Denoise:
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
    except Exception as fault:  # each library has its own
        raise CompendiumError(
            f"{path}: cannot be loaded ({one_line(fault)}); save it anew, without layers of your own"
        ) from fault
    return lambda noisy: np.clip(apply(noisy.astype(np.float32)), 0, 1)


def _keras_network(path: Path) -> Denoise:
    import keras

    from compendium import models, training  # noqa: F401 (so that Keras knows the library's layers)

    network = keras.saving.load_model(path, compile=False, safe_mode=True)

    def apply(noisy: np.ndarray) -> np.ndarray:
        _check_takes(path, network.input_shape, noisy)
        return training.predict(network, noisy)

    return apply


def _onnx_network(path: Path) -> Denoise:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given, *others = session.get_inputs()
    if others:
        raise CompendiumError(f"{path}: takes {1 + len(others)} inputs; export it with one, the noisy images")
    shape = tuple(side if isinstance(side, int) else None for side in given.shape)

    def apply(noisy: np.ndarray) -> np.ndarray:
        # PyTorch's networks have the channels before height and width
        first = len(shape) == 4 and shape[1] == noisy.shape[-1] != shape[-1]
        images = noisy.transpose(0, 3, 1, 2) if first else noisy
        _check_takes(path, shape, images)
        step = shape[0] or len(images)  # some are exported for one image
        outputs = np.concatenate(
            [
                session.run(None, {given.name: np.ascontiguousarray(images[start : start + step])})[0]
                for start in range(0, len(images), step)
            ]
        )
        return outputs.transpose(0, 2, 3, 1) if first else outputs

    return apply


def _check_takes(path: Path, shape: tuple[int | None, ...], images: np.ndarray) -> None:
    fits = len(shape) == images.ndim and all(
        side in (None, there) for side, there in zip(shape[1:], images.shape[1:], strict=True)
    )
    if not fits:
        raise CompendiumError(f"{path}: takes images {shape[1:]}; those of the task are {images.shape[1:]}")


def _load(place: Path, name: str) -> np.ndarray:
    """Return an array of the folder, as a copy that is made where it is written to."""
    return np.load(place / name, mmap_mode="c", allow_pickle=False)


if __name__ == "__main__":
    main()
