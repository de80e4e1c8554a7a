"""The `compendium` command."""

import sys
from typing import Annotated

import typer

from compendium.cli import book, claims, compare, data, lab, open, params, run, sweep, test
from compendium.errors import CompendiumError

app = typer.Typer(
    help="The Denoising Compendium: build the book, re-run its chapters, compare runs, check claims.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("book")(book.book)
app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("params")(params.params)
app.command("compare")(compare.compare)
app.command("claims")(claims.claims)
app.command("open")(open.open_chapter)
app.command("test", context_settings={"ignore_unknown_options": True})(test.test)
app.add_typer(data.app, name="data")
app.add_typer(lab.app, name="lab")


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """The Denoising Compendium: build the book, re-run its chapters, compare runs, check claims."""


def main() -> None:
    """Run the command line; an error is one line on stderr and an exit status, 2 for wrong usage, else 1."""
    try:
        app()
    except CompendiumError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"compendium: {error}", err=True)
        sys.exit(error.exit_status)
