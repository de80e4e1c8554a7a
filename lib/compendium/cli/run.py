"""`compendium run`: one chapter with parameters of your own."""

from pathlib import Path
from typing import Annotated

import typer

from compendium import parameters, project, runs
from compendium.cli.assignments import assignment


def run(
    chapter: Annotated[
        str, typer.Argument(help="Name of a notebook in notebooks/, such as salt-pepper-cae.")
    ],
    assignments: Annotated[
        list[str],
        typer.Option(
            "-p", "--parameter", metavar="NAME=VALUE", help="Set a parameter; wins over the others."
        ),
    ] = [],  # noqa: B006 (typer reads the default, nothing writes to it)
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Parameters from a YAML or JSON file.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="quick (the default), cpu or paper.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; without it, one in runs/ that is this run's.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that --out holds, if it holds one.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Also file the result in results/, for the book to quote.")
    ] = False,
) -> None:
    """Execute a chapter; leaves the executed notebook, a web page of it, record and weights in a folder."""
    notebook = project.chapter_path(chapter)
    typed = dict(assignment("-p", text, "epochs=20") for text in assignments)
    given = parameters.check(notebook, {**(parameters.from_file(file) if file else {}), **typed})
    earlier = runs.begun(out) if out and resume else None
    if earlier and earlier.chapter == chapter and profile in (None, earlier.profile):
        profile, chosen = earlier.profile, earlier.parameters
    else:
        profile = profile or "quick"
        chosen = parameters.of_profile(notebook, profile)
    given = {**chosen, **given}

    from compendium import runner  # slow to import; wrong usage above must not wait

    one = runs.Run(chapter, profile, given, runner.key(notebook, given), project.commit())
    folder = out or project.RUNS / chapter / one.key
    with runs.held(folder, one, resume=resume or not out):
        executed = runs.finished(folder, one)
        if executed:
            typer.echo(f"{chapter}: finished before, nothing left to do", err=True)
        else:
            executed = runner.run(notebook, given, profile=profile, out=folder)
        if not executed.with_suffix(".html").exists():
            from compendium.site import own_page  # slow to import, too

            own_page.write(folder, chapter)
        typer.echo(executed)
        if record:
            from compendium import results  # slower still

            typer.echo(f"recorded: {results.file(folder, chapter, profile)}")
