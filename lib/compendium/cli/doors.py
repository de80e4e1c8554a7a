"""The options for code of the user's own."""

from typing import Annotated

import typer

Network = Annotated[str | None, typer.Option(metavar="FILE.py:FUNCTION", help="A network of your own.")]
Loss = Annotated[str | None, typer.Option(metavar="FILE.py:FUNCTION", help="A loss of your own.")]
Denoiser = Annotated[
    str | None, typer.Option(metavar="FILE.py:FUNCTION", help="A denoiser of your own, beside the others.")
]


def named(network: str | None, loss: str | None, denoiser: str | None) -> dict[str, str]:
    """Return for each door that was named what stands in it."""
    given = {"network": network, "loss": loss, "denoiser": denoiser}
    return {door: spec for door, spec in given.items() if spec}
