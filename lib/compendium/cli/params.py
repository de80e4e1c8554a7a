"""`compendium params`: what can be set in a chapter."""

from typing import Annotated

import typer

from compendium import chapters

BY = {"method": "a method, by compendium evaluate"}
"""How what is no option of `compendium run` is made one's own."""


def params(
    chapter: Annotated[str, typer.Argument(help="Name of a notebook in notebooks/, such as tuning.")],
) -> None:
    """Print a chapter's parameters (types, defaults, ranges, meaning, what profiles change) and its parts."""
    notebook = chapters.named(chapter)
    for name, kind, default, limits, meaning, profiles in notebook.table():
        typer.echo(f"{name}: {kind} = {default}" + (f"  ({limits})" if limits else ""))
        for text in filter(None, (meaning, profiles)):
            typer.echo(f"    {text}")
    if notebook.parts:
        typer.echo(f"parts, for --without: {', '.join(notebook.parts)}")
    if notebook.doors:
        typer.echo("may be your own: " + ", ".join(BY.get(door, f"--{door}") for door in notebook.doors))
