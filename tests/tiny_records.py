"""Records and points of sweeps as runs leave them, with numbers made up, for tests that look at them."""

import json
import math
import random
from pathlib import Path

from compendium import runs
from compendium.sweep import folder as state
from compendium.sweep.folder import Sweep
from compendium.sweep.grid import Point

BLACK = 0.12  # the error of the best prediction without training
REFERENCES = {"median 3x3": 0.021, "linear interpolation": 0.006, "mean image": BLACK, "noisy input": 0.15}


def record(
    chapter: str = "small",
    parameters: dict | None = None,
    *,
    levels: tuple[str, ...] = ("30 %",),
    seed: int = 0,
    outcome: str = "learnt",
    error: float = 0.011,
    epochs: int = 8,
    **changes: object,
) -> dict:
    """A record of form 2: one network a level, what it stands beside, numbers of an image, curves."""
    chance = random.Random(seed)
    metrics, curves, outcomes = [], [], []

    def add(quantity: str, method: str, level: str, value: float | None, **more: object) -> None:
        metrics.append({"quantity": quantity, "method": method, "level": level, "value": value, **more})

    for number, level in enumerate(levels, 1):
        mse = {"learnt": error * number * chance.uniform(0.92, 1.08), "collapsed": BLACK, "diverged": None}[
            outcome
        ]
        ssim = {"learnt": 1 - 9 * (mse or 0), "collapsed": 0.02, "diverged": None}[outcome]
        outcomes.append(
            {
                "method": "CAE",
                "level": level,
                "seed": None,
                "outcome": outcome,
                "quantity": "MSE",
                "value": mse,
            }
            | {"epoch": None if outcome == "learnt" else 3, "predictor": "mean image", "limit": BLACK}
        )
        add("MSE", "CAE", level, mse)
        add("SSIM", "CAE", level, ssim)
        add("MSE", "CAE", level, mse and 0.9 * mse, image=4)
        add("MSE of parts", "CAE, altered pixels", level, mse and 1.2 * mse)
        for name, value in REFERENCES.items():
            add("MSE", name, level, value * number**0.5)
            add("SSIM", name, level, 1 - 5 * value * number**0.5)
        for epoch in range(1, epochs + 1):
            loss = {"learnt": error + math.exp(-epoch), "collapsed": BLACK + 0.1 / epoch**2}.get(outcome)
            lost = outcome == "diverged" and epoch >= 3
            loss = None if lost else loss or 10.0**epoch
            row = {
                "epoch": epoch,
                "loss": loss,
                "val_loss": loss and 1.05 * loss,
                "level": level,
                "seconds": 1.5,
            }
            curves.append(row)
    content = {
        "form": 2,
        "chapter": chapter,
        "profile": "quick",
        "key": "0" * 16,
        "parameters": parameters or {},
        "own": {},
        "left_out": ["pictures"],
        "source": {"sha256": "0" * 64, "cells": ["import numpy", "network = cae()\nfit(network)"]},
        "library": "1" * 64,
        "data": [{"name": "digits", "images": 1797, "sha256": "2" * 64, "notes": []}],
        "commit": "abcdef012345",
        "packages": {"python": "3.11.9", "numpy": "2.1.0"},
        "device": "tensorflow on cpu:0; 2 cores, x86_64",
        "backend": "tensorflow",
        "threads": 1,
        "training_seconds": 1.5 * epochs * len(levels),
        "wall_seconds": 20.0 + seed,
        "peak_memory_bytes": 2**30,
        "definitions": {
            "MSE": "Mean squared error over all pixel values.",
            "SSIM": "As scikit-image has it.",
        },
        "outcomes": outcomes,
        "metrics": metrics,
        "curves": curves,
        "cells": [],
        "parts": {"pictures": "left out"},
    }
    return content | changes


def write(folder: Path, content: dict) -> Path:
    """Leave a record in a folder, and return that."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / runs.RECORD).write_text(json.dumps(content), encoding="utf-8")
    return folder


def finish(sweep: Sweep, point: Point, folder: Path, **content: object) -> Path:
    """Leave a finished run at a point of a sweep, and return its folder."""
    at = state.point_folder(folder, point.name)
    content.setdefault("seed", point.values.get("seed", 0))
    write(at, record(sweep.chapter, {**sweep.parameters, **point.values}, **content))
    (at / f"{sweep.chapter}.ipynb").write_text("{}", encoding="utf-8")
    return at
