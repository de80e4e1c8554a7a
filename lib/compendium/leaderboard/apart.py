"""A method of the user's own, in a process of its own that is not given the clean test images.

It is a function `denoise(noisy)`, or `train(noisy, clean, validation, seed)`, which returns one, or a saved
network, of Keras (`.keras`) or ONNX (`.onnx`). A function runs with all the rights of the user, as `own`
says, in the folder of its file; a saved network runs no code of its file.
"""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from compendium import own, processes
from compendium.errors import CompendiumError
from compendium.images import as_float
from compendium.leaderboard import guest
from compendium.leaderboard.methods import Method, Restored
from compendium.leaderboard.tasks import Problem

LOG = "method.log"
"""The file in a run's folder with what the method printed."""


def method(spec: str, *, minutes: float, folder: Path) -> Method:
    """Return the user's own method.

    Args:
        spec: FILE.py:FUNCTION, MODULE:FUNCTION, or the path of a saved network.
        minutes: the longest that it may take for one problem and seed, training included.
        folder: of the run, where what it prints is kept.

    The method's `restore` raises CompendiumError where it fails, takes longer, or gives no images.
    """
    described, trains = own.describe(spec), own.trains(spec)

    def restore(problem: Problem, seed: int) -> Restored:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            inside = Path(place)
            _hand_over(problem, inside, seed, trains=trains)
            _wait(spec, seed, inside, minutes, folder / LOG)
            times = json.loads((inside / guest.DONE).read_text(encoding="utf-8"))
            images = np.load(inside / guest.RESTORED, allow_pickle=False)
        curve = {
            "method": described["name"],
            "level": problem.level,
            "seed": seed,
            "epoch": 1,  # what it does in how many is its own affair
            "seconds": times["training_seconds"],
        }
        return Restored(images, **times, curve=pd.DataFrame([curve]) if trains else None)

    return Method(described["name"], restore, trains)


def _hand_over(problem: Problem, inside: Path, seed: int, *, trains: bool) -> None:
    """Write what the method may see: of the test images the noisy ones, to train on both."""
    arrays = {guest.NOISY: problem.noisy_test}
    if trains:
        arrays |= {
            guest.TRAIN: as_float(problem.train),
            guest.NOISY_TRAIN: problem.noisy_train(problem.train, seed),
            guest.VALIDATION: as_float(problem.validation),
            guest.NOISY_VALIDATION: problem.noisy_validation,
        }
    for name, array in arrays.items():
        np.save(inside / name, array)


def _wait(spec: str, seed: int, inside: Path, minutes: float, log: Path) -> None:
    """Let the method work; raise CompendiumError with its fault, or where it takes longer than `minutes`."""
    described = own.describe(spec)
    command = [sys.executable, "-m", guest.__name__, own.spec(described), str(seed), str(inside)]
    with log.open("a", encoding="utf-8") as printed:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # which ends the process when this one ends
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=Path(described["file"]).parent,
        )
        try:
            status = process.wait(60 * minutes)
        except subprocess.TimeoutExpired:
            raise CompendiumError(
                f"{described['name']}: not done after {minutes:g} minutes; make it faster, give it fewer "
                "images, or more time with --minutes"
            ) from None
        finally:
            processes.end(process.pid)
            process.wait()
            process.stdin.close()
    if (inside / guest.FAULT).exists():
        raise CompendiumError((inside / guest.FAULT).read_text(encoding="utf-8"))
    if status or not (inside / guest.DONE).exists():
        ended = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        raise CompendiumError(
            f"{described['name']}: its process ended {ended} before the images were restored; "
            f"what it printed is in {log}"
        )
