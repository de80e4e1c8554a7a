"""`compendium lab`: make the labs' editions, grade what was handed in."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compendium import project
from compendium.errors import CompendiumError

if TYPE_CHECKING:
    from compendium.labs.grade import Grade

app = typer.Typer(
    no_args_is_help=True, help="Lab exercises: make what is handed out, grade what is handed in."
)


@app.command("build")
def build(
    labs: Annotated[list[str] | None, typer.Argument(help="Names of labs; by default all.")] = None,
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
    """Run the solutions; write the student notebook, solution, instructor's notes and students' zip."""
    project.checkout()
    from compendium.labs import source

    chosen = [source.load(name) for name in labs or source.names()]

    from compendium.labs import editions, package  # for which an unknown name above must not wait
    from compendium.labs.otter import export

    wheel = package.wheel(out)
    for lab in chosen:
        typer.echo(f"{lab.name}: running the solution")
        folder = out / lab.name
        expected = editions.write(lab, folder, wheel=wheel, requirements=package.requirements(wheel))
        if record:
            editions.record_outputs(lab, expected)
        if otter:
            export(lab, folder / f"{lab.name}-otter")
        typer.echo(f"{lab.name}: {folder / lab.name}.zip for students")


@app.command("grade")
def grade(
    folder: Annotated[Path, typer.Argument(help="Folder with submitted notebooks, or with folders of them.")],
    lab: Annotated[
        str | None, typer.Option(help="The lab of all notebooks; by default each says its own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the grades, by default FOLDER-grades; must not exist yet.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.05, help="Time for each submission.")] = 15,
    memory: Annotated[float, typer.Option(min=0.1, help="GB of memory for each, and for its checks.")] = 4,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Submissions at a time; by default one per two processors.")
    ] = None,
) -> None:
    """Run submitted notebooks on Linux, each in a cage of its own; write grades.csv and a page for each."""
    project.checkout()
    from compendium.labs import cage
    from compendium.labs import grade as grader

    out = out or Path(f"{folder.resolve()}-grades")
    grades = grader.grade(
        folder,
        out,
        lab=lab,
        limits=cage.Limits(seconds=60 * minutes, memory=int(memory * 1024 * cage.MB)),
        workers=workers or max(1, (os.cpu_count() or 1) // 2),
        tell=_told,
    )
    typer.echo(out / "grades.csv")
    if unchecked := sum(not one.checked for one in grades):
        raise CompendiumError(
            f"{unchecked} of {len(grades)} could not be checked; their pages say what failed"
        )


def _told(grade: "Grade", done: int, count: int) -> None:
    points = f"{grade.total:g} of {grade.lab.points:g}" if grade.lab else "0"
    typer.echo(f"{done} of {count}  {grade.shown}: {points}; {grade.status}")
