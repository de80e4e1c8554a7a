"""A book of one chapter, and runs of it as they are when they have come to their end."""

from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
from nbformat.v4 import new_output
from tiny_notebooks import notebook_of, write_notebook

from compendium import chapters, project, results, runs
from compendium.data import ImageSet

PARAMETERS = "epochs: int = 2  # passes, 1 or more\nfractions: list[float] = [0.3]  # shares, 0 to 1"
CELLS = ("x = 1", "print(epochs * x)")


def book_of_one_chapter(folder, monkeypatch):
    monkeypatch.setattr(project, "ROOT", folder)
    monkeypatch.setattr(project, "RESULTS", folder / "results")
    monkeypatch.setattr(project, "NOTEBOOKS", folder / "notebooks")
    monkeypatch.delenv("COMPENDIUM_RUN", raising=False)
    write_notebook(folder / "notebooks" / "chapter.ipynb", *CELLS, parameters=PARAMETERS)
    (folder / "notebooks" / "profiles.yml").write_text(
        "quick: {}\ncpu: {chapter: {epochs: 4}}\n", encoding="utf-8"
    )


def image_set(name="crops", notes=("12 of 50 images are blurred",)):
    images, labels = np.zeros((50, 4, 4, 3), np.uint8), np.zeros(50, np.int64)
    return ImageSet(images, labels, ("a",), name, notes, "0123456789abcdef" * 4)


METRICS = pd.DataFrame(
    {
        "quantity": ["PSNR", "PSNR", "MSE"],
        "method": ["network", "noisy", "network"],
        "level": ["30 %"] * 3,
        "image": [np.nan, 3.0, np.nan],
        "value": [21.5, np.inf, 0.25],
    }
)
CURVES = pd.DataFrame({"epoch": [1, 2], "loss": np.float32([0.5, 0.25]), "seconds": [30.0, 90.0]})


def run_in(folder, profile="cpu", **given):
    chapter = chapters.named("chapter")
    return replace(
        runs.resolve(chapter, {**chapter.of_profile(profile), **given}, profile=profile), folder=folder
    )


def write(folder, run=None, **changes):
    arguments = {
        "metrics": METRICS,
        "definitions": {"PSNR": "10 log10(1 / MSE)"},
        "curves": CURVES,
        "data_sets": [image_set()],
    }
    return results.write(run or run_in(folder), **{**arguments, **changes})


def finish(folder, run=None, **changes):
    """Leave in a folder what a finished run does."""
    run = run or run_in(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with runs.started(run):
        write(folder, run, **changes)
        (folder / "cae.weights.h5").write_bytes(b"weights")
        (folder / "part-1.json").write_text('{"identity": {}, "rows": []}', encoding="utf-8")
        (folder / "quoted.json").write_text("{}", encoding="utf-8")
        (folder / "trainings").mkdir(exist_ok=True)
        (folder / "trainings" / "large.npz").write_bytes(b"large")
    results.complete(folder, CELLS, [{"cell": 3, "seconds": 0.5}], {"codes": "done"})
    nbformat.write(executed(), folder / "chapter.ipynb")
    (folder / "chapter.html").write_text("<h1>A run</h1>", encoding="utf-8")
    return results.read(folder / "record.json")


def executed(cells=CELLS, parameters=PARAMETERS):
    """The chapter's notebook as papermill leaves it: with the given values, and what was printed."""
    notebook = notebook_of("# Parameters\nepochs = 4", *cells, parameters=parameters)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        cell.execution_count = number
    code[1].metadata["tags"] = ["injected-parameters"]
    code[-1].outputs = [new_output("stream", name="stdout", text="4\n")]
    return notebook
