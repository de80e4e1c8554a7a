"""The process of a user's own method: `python -m compendium.leaderboard.guest METHOD SEED FOLDER`.

The folder has the noisy images and, for a method that trains, training and validation images. Restored images
and times are left there, or a line that says what is wrong.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from compendium import own, processes
from compendium.errors import CompendiumError
from compendium.files import write_atomically
from compendium.leaderboard import saved
from compendium.leaderboard.denoise import Denoise, in_batches

NOISY, NOISY_TRAIN, TRAIN = "noisy.npy", "noisy_train.npy", "train.npy"
NOISY_VALIDATION, VALIDATION = "noisy_validation.npy", "validation.npy"
RESTORED, DONE, FAULT = "restored.npy", "done.json", "fault.txt"


def main() -> None:
    """Restore the folder's noisy images."""
    processes.end_with(os.dup(0))
    with open(os.devnull, encoding="utf-8") as nothing:  # what a method that asks for something finds
        os.dup2(nothing.fileno(), 0)
    spec, seed, place = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    try:
        denoise, training_seconds = _fitted(spec, seed, place)
        noisy, started = _load(place, NOISY), processes.seconds()
        restored = in_batches(denoise, noisy)
        seconds = processes.seconds() - started
        np.save(place / RESTORED, restored)
    except CompendiumError as fault:
        write_atomically(place / FAULT, str(fault))
        sys.exit(1)
    finally:
        processes.end_children()
    times = {"training_seconds": training_seconds, "seconds": seconds}
    write_atomically(place / DONE, json.dumps(times))


def _fitted(spec: str, seed: int, place: Path) -> tuple[Denoise, float]:
    """Return the denoiser, which checks what it gives, and how long its training took: not its loading."""
    if own.is_network(spec):
        return own.denoiser(spec, saved.network(Path(spec))), 0.0
    if not own.trains(spec):
        return own.denoiser(spec, own.load(spec)), 0.0
    noisy, clean, *validation = (
        _load(place, name) for name in (NOISY_TRAIN, TRAIN, NOISY_VALIDATION, VALIDATION)
    )
    train, started = own.training(spec), processes.seconds()
    trained = train(noisy, clean, tuple(validation), seed)
    seconds = processes.seconds() - started
    denoise = saved.of_keras(trained) if hasattr(trained, "predict_on_batch") else trained
    return own.denoiser(spec, denoise), seconds


def _load(place: Path, name: str) -> np.ndarray:
    """Return an array of the folder, as a copy that is made where it is written to."""
    return np.load(place / name, mmap_mode="c", allow_pickle=False)


if __name__ == "__main__":
    main()
