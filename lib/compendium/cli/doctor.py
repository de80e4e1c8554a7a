"""`compendium doctor`: whether this computer is ready for a lab."""

import typer

from compendium import doctor as examination


def doctor() -> None:
    """Say of Python, packages, memory, data, a short training and Jupyter: OK, or FAIL and the remedy."""
    raise typer.Exit(not examination.examine())
