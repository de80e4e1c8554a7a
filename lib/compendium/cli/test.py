"""`compendium test`: the book's own checks."""

import os
import subprocess
import sys
import tempfile
from typing import Annotated

import typer


def test(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to pytest.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also run what is marked thorough, such as each check on each page.")
    ] = False,
) -> None:
    """Compile the pages, then run the unit tests, the notebooks under nbval and the checks of the pages.

    The pages show the outputs that are saved in the notebooks; whether these are what the code gives is what
    nbval finds out. Files of tests run side by side, as many as there are processors.
    """
    from joblib import cpu_count

    from compendium import book as building
    from compendium import project, runs

    building.build(typer.echo, run=False)
    command = [sys.executable, "-m", "pytest", "--numprocesses", str(cpu_count()), "--dist=loadfile"]
    command += ["--durations=20"] + ([] if everything else ["-m", "not thorough"])
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **runs.computing(), "COMPENDIUM_RUNS": folder}
        status = subprocess.run([*command, *(arguments or [])], cwd=project.ROOT, env=environment).returncode
    raise typer.Exit(status)
