"""The `compendium` command."""

import functools
import io
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Annotated

import typer

from compendium import project
from compendium.cli import (
    book,
    claims,
    compare,
    data,
    doctor,
    evaluate,
    lab,
    open,
    params,
    publish,
    run,
    sweep,
    test,
)
from compendium.errors import CompendiumError, one_line

app = typer.Typer(
    help="The Denoising Compendium: build the book, re-run its chapters, compare runs, check claims.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _in_checkout(command: Callable[..., None]) -> Callable[..., None]:
    """The command, refused in one line where the package was installed without a checkout."""

    @functools.wraps(command)
    def checked(*arguments: object, **options: object) -> None:
        project.checkout()
        command(*arguments, **options)

    return checked


app.command("book")(_in_checkout(book.book))
app.command("run")(_in_checkout(run.run))
app.command("evaluate")(_in_checkout(evaluate.evaluate))
app.command("publish")(_in_checkout(publish.publish))
app.command("sweep")(_in_checkout(sweep.sweep))
app.command("params")(_in_checkout(params.params))
app.command("compare")(_in_checkout(compare.compare))
app.command("claims")(_in_checkout(claims.claims))
app.command("open")(_in_checkout(open.open_chapter))
app.command("test", context_settings={"ignore_unknown_options": True})(_in_checkout(test.test))
app.command("doctor")(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(lab.app, name="lab")


def _show_versions(wanted: bool) -> None:
    if not wanted:
        return
    commit = project.commit()
    typer.echo(f"compendium {metadata.version('compendium')}" + (f" (commit {commit})" if commit else ""))
    typer.echo(f"Python {platform.python_version()}")
    for name, package in {"Keras": "keras", "TensorFlow": "tensorflow"}.items():
        typer.echo(f"{name} {project.version(package)}")
    raise typer.Exit


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_versions, is_eager=True, help="Show versions and commit."),
    ] = False,
) -> None:
    """The Denoising Compendium: build the book, re-run its chapters, compare runs, check claims."""


def main() -> None:
    """Run the command line; an error is one line on stderr and an exit status, 2 for wrong usage, else 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # letters that a console lacks end no command
    try:
        app()
    except (CompendiumError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        error = _of_system(error) if isinstance(error, OSError) else error
        typer.echo(f"compendium: {error}", err=True)
        sys.exit(error.exit_status)
    except ModuleNotFoundError as error:
        if "--debug" in sys.argv or not error.name or error.name.startswith("compendium"):
            raise
        typer.echo(
            f"compendium: {error.name} is not installed, and this needs the book's packages; "
            "in the checkout, type: python -m pip install --no-deps -r requirements.lock",
            err=True,
        )
        sys.exit(1)


def _of_system(fault: OSError) -> CompendiumError:
    """What the system refused, such as a folder that is read-only, by the file's name where it has one."""
    where = f"{fault.filename}: " if fault.filename else ""
    return CompendiumError(
        f"{where}{fault.strerror or one_line(fault) or type(fault).__name__}; "
        "mend that, or work in a folder of your own; `compendium --debug ...` shows where it happened"
    )
