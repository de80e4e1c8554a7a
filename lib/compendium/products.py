"""What is made from files of the checkout is kept in `_build` until one of them changes."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from compendium import project

BUILD = project.ROOT / "_build"
PAGES = BUILD / "html"  # the built book


def place(name: str, inputs: Iterable[Path]) -> Path:
    """Return where the product of these files and the installed packages is kept, and drop older ones."""
    state = hashlib.sha256(f"{project.files_hash(inputs)} {project.packages_hash()}".encode()).hexdigest()
    path = BUILD / name / state[:16]
    if not path.exists():
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir(parents=True)
    return path


def inputs(folder: str) -> list[Path]:
    """Return the files below a folder of the checkout, but for compiled Python."""
    found = (path for path in (project.ROOT / folder).rglob("*") if path.is_file())
    return [path for path in found if path.suffix != ".pyc"]
