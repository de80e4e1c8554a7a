"""`compendium publish`: a finished run becomes the one that the book shows."""

from pathlib import Path
from typing import Annotated

import typer


def publish(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished run, such as runs/tuning/0123456789abcdef.")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of the run that is published now.")
    ] = False,
) -> None:
    """Put a profile's run into results/: notebook, record, weights; what was there goes."""
    from compendium import published  # slow to import

    target, replaced = published.publish(folder, replace=replace)
    if replaced:
        typer.echo(f"replaced the run of commit {replaced.get('commit') or 'unknown'}", err=True)
    typer.echo(target)
