"""`compendium test`: the book's own checks."""

import os
import subprocess
import sys
import tempfile
from typing import Annotated

import typer

from compendium.cli.book import book


def test(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to pytest.")] = None,
) -> None:
    """Build the book, then run the unit tests, the notebooks under nbval and the checks of the pages."""
    from compendium import project

    book()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COMPENDIUM_RUNS": folder}
        command = [sys.executable, "-m", "pytest", *(arguments or [])]
        status = subprocess.run(command, cwd=project.ROOT, env=environment).returncode
    raise typer.Exit(status)
