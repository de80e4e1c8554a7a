"""`compendium lab`: make the labs' editions, grade what was handed in."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compendium import project
from compendium.errors import CompendiumError, UsageError

if TYPE_CHECKING:
    from compendium.labs import cage

app = typer.Typer(
    no_args_is_help=True,
    help="Lab exercises: make what is handed out, grade what is handed in, hand it back.",
)


_Labs = Annotated[
    Path | None,
    typer.Option("--labs", help="Folder with labs of your own; by default those of the repository."),
]
_Without = Annotated[
    list[int] | None,
    typer.Option(help="Number of a task that is left out, with its points; may be repeated."),
]
_MINUTES, _GIGABYTES = 15.0, 4.0  # for each submission


def _limits(minutes: float, gigabytes: float) -> "cage.Limits":
    from compendium.labs import cage

    return cage.Limits(seconds=60 * minutes, memory=int(gigabytes * 1024 * cage.MB))


@app.command("build")
def build(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[LABS]...", help="Names of labs; by default all.")
    ] = None,
    labs: _Labs = None,
    without: _Without = None,
    out: Annotated[Path, typer.Option(help="Folder for the results, one for each lab in it.")] = Path(
        "_build/labs"
    ),
    record: Annotated[
        bool, typer.Option("--record", help="Also keep what the solutions print in results/labs/.")
    ] = False,
    otter: Annotated[
        bool,
        typer.Option("--otter", help="Also write a folder from which `otter generate` makes an autograder."),
    ] = False,
) -> None:
    """Try the labs as they are graded; write student notebook, solution, instructor's notes, students' zip.

    A lab whose solution does not get all points, or that the grader cannot grade, is not written.
    """
    project.checkout()
    from compendium.labs import source

    if record and (labs or without):
        raise UsageError("--record keeps what the repository's whole labs print; leave out --labs, --without")
    known = source.names(labs)
    whole = {name: source.load(name, labs) for name in names or known}
    if not whole:
        raise UsageError(f"{labs}: has no lab; copy one there, such as labs/corrupt.md")
    chosen = source.without(whole, "", without or ()).values()

    from compendium.labs import editions, package, trial  # for which an unknown name above must not wait
    from compendium.labs.otter import export

    wheel = package.wheel(out)
    for lab in chosen:
        for line in lab.loose_ends:
            typer.echo(f"{lab.name}: {line}")
        typer.echo(f"{lab.name}: trying solution, stubs and wrong answers")
        trial.require(lab, labs or source.FOLDER, _limits(_MINUTES, _GIGABYTES), typer.echo)
        typer.echo(f"{lab.name}: running the solution")
        folder = out / lab.name
        expected = editions.write(lab, folder, wheel=wheel, requirements=package.requirements(wheel))
        if record:
            editions.record_outputs(lab, expected)
        if otter:
            export(lab, folder / f"{lab.name}-otter", expected)
        typer.echo(f"{lab.name}: {folder / lab.name}.zip for students")


@app.command("grade")
def grade(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder with what was handed in, as a learning platform exports it, unpacked."),
    ],
    labs: _Labs = None,
    without: _Without = None,
    lab: Annotated[
        str | None, typer.Option(help="The lab of all notebooks; by default each is recognised.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the grades, by default FOLDER-grades; what it has is gone on from."),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="CSV file of who takes the course: gives names, says who is missing."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Grade this file, entry or student alone, even if graded before; may be repeated."),
    ] = None,
    again: Annotated[
        int | None,
        typer.Option(min=1, help="Number of a task to check anew for all; says whose points change."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.05, help="Time for each submission.")] = _MINUTES,
    memory: Annotated[
        float, typer.Option(min=0.1, help="GB of memory for each, and for its checks.")
    ] = _GIGABYTES,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Submissions at a time; by default one per two processors.")
    ] = None,
) -> None:
    """Run submitted notebooks on Linux, each in a cage of its own; write grades.csv and a page for each.

    Every entry at the top of FOLDER gets a row: a notebook, a folder or zip with one, or whatever else it is.
    The same command goes on where it was interrupted, and grades what is new or has changed since.
    """
    project.checkout()
    from compendium.labs import course

    out = out or Path(f"{folder.resolve()}-grades")
    try:
        grades = course.grade(
            folder,
            out,
            lab=lab,
            limits=_limits(minutes, memory),
            workers=workers or max(1, (os.cpu_count() or 1) // 2),
            tell=typer.echo,
            only=only or (),
            again=again,
            people=roster,
            sources=labs,
            without=without or (),
        )
    except KeyboardInterrupt:
        raise CompendiumError("interrupted; the same command goes on from here") from None
    typer.echo(out / "grades.csv")
    if unchecked := sum(not one.checked for one in grades):
        raise CompendiumError(
            f"{unchecked} of {len(grades)} could not be checked; their pages say what failed, and the same "
            "command tries them again"
        )
    if grades and not any(one.lab for one in grades):
        raise CompendiumError(f"{folder}: no notebook of a lab is in it; is it the right folder?")


@app.command("read")
def read(
    grades: Annotated[Path, typer.Argument(help="Folder of grades, as `lab grade` wrote it.")],
    show: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser on it.")] = True,
) -> None:
    """Read answers beside their rubrics on a page of this machine; what you type is kept in hand.csv."""
    project.checkout()
    from compendium.labs import desk

    try:
        desk.serve(grades, typer.echo, show=show)
    except KeyboardInterrupt:
        typer.echo("ended; what was typed is kept")


@app.command("finish")
def finish(
    grades: Annotated[Path, typer.Argument(help="Folder of grades, as `lab grade` wrote it.")],
) -> None:
    """Write totals, files for the grade books of Moodle and Canvas, and a feedback page for each student."""
    project.checkout()
    from compendium.labs import finish as finishing

    typer.echo(finishing.finish(grades, typer.echo))
