"""`compendium run`: one chapter with parameters of your own."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compendium import chapters, parameters, project
from compendium.chapters import Chapter
from compendium.cli import doors
from compendium.cli.assignments import assignment
from compendium.errors import CompendiumError

if TYPE_CHECKING:
    from compendium.runs import Run


def run(
    chapter: Annotated[
        str, typer.Argument(help="Name of a notebook in notebooks/, such as salt-pepper-cae.")
    ],
    assignments: Annotated[
        list[str],
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME=VALUE",
            help="Set a parameter; wins over a file and the profile.",
        ),
    ] = [],  # noqa: B006 (typer reads the default, nothing writes to it)
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Parameters from a YAML or JSON file.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="quick (the default), cpu or paper.")] = None,
    network: doors.Network = None,
    loss: doors.Loss = None,
    denoiser: doors.Denoiser = None,
    without: Annotated[
        str, typer.Option(metavar="PARTS", help="Leave out parts of the chapter: names with commas, or all.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; by default one in runs/ for this run alone.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that --out holds, if it holds one.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Take over what the run there computed from the same code, data and parameters.",
        ),
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Make the run's web page, too.")] = True,
) -> None:
    """Execute a chapter; leave the executed notebook, a web page of it, record and weights in a folder."""
    notebook = chapters.named(chapter)
    typed = dict(assignment("-p", text, "epochs=20") for text in assignments)
    given = notebook.check({**(parameters.from_file(file) if file else {}), **typed})
    own = doors.named(network, loss, denoiser)
    left_out = notebook.check_parts(without)

    from compendium import runs  # brings NumPy, for which wrong usage above must not wait

    earlier = runs.begun(out) if out and resume else None
    if earlier and earlier.chapter == chapter and profile in (None, earlier.profile):
        profile, chosen = earlier.profile, earlier.parameters
        own = earlier.doors() | own
        left_out = left_out or earlier.left_out
    else:
        profile = profile or "quick"
        chosen = notebook.of_profile(profile)
    this = runs.resolve(notebook, {**chosen, **given}, profile=profile, doors=own, left_out=left_out)
    this = replace(this, folder=out or project.RUNS / chapter / this.key)
    typer.echo(carry_out(notebook, this, resume=resume or not out, source=source, page=page))


def carry_out(
    notebook: Chapter, this: "Run", *, resume: bool, source: Path | None = None, page: bool = True
) -> Path:
    """Execute a run in its folder, unless it is finished; return the executed notebook.

    resume: whether the folder may hold this run already. source: folder of a run whose trainings and parts
    are taken over. page: whether the run's page is made.
    """
    from compendium import runs

    with runs.held(this, resume=resume):
        executed = runs.finished(this.folder, this.chapter)
        if executed:
            typer.echo(
                f"{this.chapter}: finished before, nothing left to do; --out FOLDER computes it anew",
                err=True,
            )
        else:
            from compendium import published, runner  # slower still

            if source:
                published.take_over(source, this.folder)
            try:
                executed = runner.run(notebook, this)
            except CompendiumError as fault:
                interrupted = isinstance(fault.__cause__, KeyboardInterrupt)  # whoever did that is in a hurry
                if page and not interrupted and (this.folder / runs.failed(this.chapter)).exists():
                    _write_page(this)
                raise
        _check_record(this.folder)
        if page:
            _write_page(this)
    _tell(this.folder)
    return executed


def _write_page(this: "Run") -> None:
    from compendium.site import own_page

    try:
        own_page.write(this.folder, this.chapter)
    except CompendiumError as fault:  # the run itself is what it is
        typer.echo(f"compendium: {fault}", err=True)


def _check_record(folder: Path) -> None:
    from compendium import runs

    if not (folder / runs.RECORD).exists():
        raise CompendiumError(f"{folder}: the run left no record; its last cells must call `results.write`")


def _tell(folder: Path) -> None:
    """Say in a line each what a user must know of a finished run before reading its numbers."""
    from compendium import results, runs

    record = results.read(folder / runs.RECORD)
    if failed := [row for row in record.get("outcomes", []) if row["outcome"] != results.LEARNT]:
        from compendium import outcomes  # needs packages that most runs end without

        for line in outcomes.sentences(failed):
            typer.echo(line, err=True)
    for name, state in record.get("parts", {}).items():
        if state.startswith("failed"):
            typer.echo(f"the part {name} {state}", err=True)
