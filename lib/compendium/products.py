"""What is made from files of the checkout is kept in `_build` until one of them changes."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from compendium import project

BUILD = project.ROOT / "_build"
PAGES = BUILD / "html"  # the built book


INPUTS = {
    "lib": {".py", ".yml", ".md", ".html", ".css"},
    "labs": {".md"},
    "results": {".json", ".h5"},
}
"""Kinds of files that products are made from, by folder of the checkout."""


def place(name: str, inputs: Iterable[Path]) -> Path:
    """Return where the product of these files and the installed packages is kept, and drop older ones."""
    state = hashlib.sha256(f"{project.files_hash(inputs)} {project.packages_hash()}".encode()).hexdigest()
    path = BUILD / name / state[:16]
    if not path.exists():
        shutil.rmtree(path.parent, ignore_errors=True)
    return path


def inputs(folder: str) -> list[Path]:
    """Return the files below a folder of the checkout that a product can be made from, by their kind.

    So compiled code, or what an editor or a file manager leaves there, makes no product anew.
    """
    kinds = INPUTS[Path(folder).parts[0]]
    found = (path for path in (project.ROOT / folder).rglob("*") if path.suffix in kinds)
    return [path for path in found if not path.name.startswith(".")]
