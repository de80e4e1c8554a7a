"""`compendium run`: one chapter with parameters of your own."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
import yaml

from compendium.errors import UsageError


def run(
    chapter: Annotated[
        str, typer.Argument(help="Name of a notebook in notebooks/, such as salt-pepper-cae.")
    ],
    parameter: Annotated[
        list[str], typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a parameter.")
    ] = [],  # noqa: B006 (typer reads the default, nothing writes to it)
    profile: Annotated[str, typer.Option(help="quick, cpu or paper.")] = "quick",
    out: Annotated[Path | None, typer.Option(help="Folder for the results; continued if begun.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Also file the result in results/, for the book to quote.")
    ] = False,
) -> None:
    """Execute a chapter; leaves the executed notebook, the record and weights in a folder of its own."""
    given = dict(_assignment(text) for text in parameter)
    from compendium import project, results, runner  # slow to import; wrong usage above must not wait

    notebook = runner.chapter_path(chapter)
    parameters = {**runner.profile_parameters(chapter, profile), **given}
    runner.check_parameters(notebook, parameters)  # before its key, which needs the data set
    folder = out or project.RUNS / chapter / runner.key(notebook, parameters)
    typer.echo(runner.run(notebook, parameters, profile=profile, out=folder))
    if record:
        typer.echo(f"recorded: {results.file(folder, chapter, profile)}")


def _assignment(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f'-p "{text}": expected NAME=VALUE, for example -p epochs=20')
    # YAML reads 1e-3 as a string; a list may be written with commas alone
    value = f"[{value}]" if "," in value and not value.startswith("[") else value
    try:
        return name, _number(yaml.safe_load(value))
    except yaml.YAMLError:
        raise UsageError(f'-p "{text}": expected a number, a word, true, or a list such as 1,2') from None


def _number(value: object) -> object:
    if isinstance(value, list):
        return [_number(item) for item in value]
    if isinstance(value, date):
        return str(value)
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
