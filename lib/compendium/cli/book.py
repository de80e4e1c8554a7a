"""`compendium book`: compile the pages, after running what changed."""

from typing import Annotated

import typer

from compendium.cli.assignments import assignment
from compendium.errors import UsageError


def book(
    save_outputs: Annotated[
        bool,
        typer.Option("--save-outputs", help="Also copy the executed notebooks over the committed ones."),
    ] = False,
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Show the labs' solutions and instructors' notes, too.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Run all chapters anew, and make a book of these runs in _build/live/html."
        ),
    ] = False,
    assignments: Annotated[
        list[str],
        typer.Option(
            "-p", metavar="NAME=VALUE", help="With --live: set a parameter in all chapters that have it."
        ),
    ] = [],  # noqa: B006 (Typer reads the default, nothing writes to it)
) -> None:
    """Build the book of the published runs in _build/html; run the other notebooks where they changed."""
    if assignments and not live:
        raise UsageError("book: -p sets a parameter of runs that --live makes; add --live")
    if live and save_outputs:
        raise UsageError(
            "book: the outputs of --live are not those of published runs; leave out --save-outputs"
        )
    given = dict(assignment("-p", text, "epochs=20") for text in assignments)
    from compendium import book as building  # slow to import; `compendium --help` must not wait for it

    first_page = building.build(
        typer.echo, solutions=solutions, save=save_outputs, live=given if live else None
    )
    typer.echo(f"open {first_page}")
