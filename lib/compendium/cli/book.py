"""`compendium book`: run what changed and compile the pages."""

from typing import Annotated

import typer


def book(
    save_outputs: Annotated[
        bool,
        typer.Option("--save-outputs", help="Also copy the executed notebooks over the committed ones."),
    ] = False,
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Publish the labs' solutions and instructors' notes, too.")
    ] = False,
) -> None:
    """Run the notebooks that changed and build the book in _build/html."""
    from compendium import book as building  # slow to import; `compendium --help` must not wait for it

    first_page = building.build(typer.echo, solutions=solutions, save=save_outputs)
    typer.echo(f"open {first_page}")
