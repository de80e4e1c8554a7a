"""`compendium open`: a chapter in JupyterLab."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from compendium import project
from compendium.errors import CompendiumError


def open_chapter(
    chapter: Annotated[str, typer.Argument(help="Name of a notebook in notebooks/, such as tuning.")],
    browser: Annotated[bool, typer.Option(help="Open a web browser on it.")] = True,
) -> None:
    """Start JupyterLab on a chapter: on this machine alone, behind a token."""
    notebook = project.chapter_path(chapter)
    if find_spec("jupyterlab") is None:
        raise CompendiumError('JupyterLab is not installed; type: pip install "jupyterlab>=4.2"')
    command = [
        sys.executable,
        *("-m", "jupyterlab"),
        *(f"--ServerApp.root_dir={project.ROOT}", "--ServerApp.ip=127.0.0.1"),
        *(() if browser else ("--no-browser",)),
        str(notebook),
    ]
    raise typer.Exit(subprocess.run(command).returncode)
