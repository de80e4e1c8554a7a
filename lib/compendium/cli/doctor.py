"""`compendium doctor`: whether this computer is ready for a lab."""

import typer

from compendium import doctor as examination


def doctor() -> None:
    """Look at Python, packages, memory, data, a short training, Jupyter; print OK, or FAIL and a remedy."""
    raise typer.Exit(not examination.examine())
