"""`compendium publish`: a finished run becomes the one that the book shows."""

from pathlib import Path
from typing import Annotated

import typer


def publish(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished run, such as runs/tuning/0123456789abcdef.")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the run that is published now.")
    ] = False,
) -> None:
    """Put the notebook, record and weights of a profile's run into results/, for the book to show."""
    from compendium import published  # slow to import

    target, replaced = published.publish(folder, replace=replace)
    if replaced:
        typer.echo(f"replaced the run of commit {replaced.get('commit') or 'unknown'}", err=True)
    typer.echo(target)
