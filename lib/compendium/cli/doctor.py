"""`compendium doctor`: is this computer ready for a lab?"""

import typer

from compendium import doctor as examination


def doctor() -> None:
    """Print OK or FAIL for Python, packages, memory, data, a one-second training and Jupyter, with the remedy."""
    raise typer.Exit(not examination.examine())
