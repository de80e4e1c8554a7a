"""`compendium params`: what can be set in a chapter."""

from typing import Annotated

import typer

from compendium import parameters, project


def params(
    chapter: Annotated[str, typer.Argument(help="Name of a notebook in notebooks/, such as tuning.")],
) -> None:
    """Print a chapter's parameters: types, defaults, ranges, meaning, and what profiles change."""
    for name, kind, default, limits, meaning, profiles in parameters.table(project.chapter_path(chapter)):
        typer.echo(f"{name}: {kind} = {default}" + (f"  ({limits})" if limits else ""))
        for text in filter(None, (meaning, profiles)):
            typer.echo(f"    {text}")
