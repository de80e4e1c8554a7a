"""What `figures.js` knows of each picture: taken from executed notebooks, one script a page."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from compendium import project

FOLDER = "book/_static/figures"


def scripts(notebooks: Iterable[Path]) -> dict[str, str]:
    """Return a script for each executed notebook, by path in the book's source.

    A script gives the global `compendiumFigures` what `plots.described.description` says of the notebook's
    pictures, by the file names that MyST-NB gives them.
    """
    return {f"{FOLDER}/{path.stem}.js": _script(described(path)) for path in notebooks}


def described(notebook: Path) -> dict[str, dict[str, Any]]:
    """Return the descriptions that an executed notebook keeps, by the pictures' file names."""
    found = {}
    for cell in nbformat.read(notebook, 4).cells:
        for output in cell.get("outputs", []):
            text = output.get("metadata", {}).get("image/png", {}).get(project.METADATA)
            if text:
                picture = base64.b64decode(output["data"]["image/png"])
                found[f"{hashlib.sha256(picture).hexdigest()}.png"] = json.loads(text)
    return found


def _script(found: dict[str, dict[str, Any]]) -> str:
    # by assignment to a global, as pages opened from a folder may not fetch
    return f"compendiumFigures = {json.dumps(found, ensure_ascii=False, separators=(',', ':'))};\n"
