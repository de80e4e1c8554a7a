"""`compendium lab`: make the labs' editions, grade what was handed in."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Lab exercises: make what is handed out.")


@app.command("build")
def build(
    labs: Annotated[list[str] | None, typer.Argument(help="Names of labs; all without one.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results, one for each lab in it.")] = Path(
        "_build/labs"
    ),
    record: Annotated[
        bool, typer.Option("--record", help="Also keep what the solutions print in results/labs/.")
    ] = False,
) -> None:
    """Run the solutions; write student notebook, solution, instructor's notes and the students' zip."""
    from compendium.labs import editions, package, source

    wheel = package.wheel(out)
    for name in labs or source.names():
        lab = source.load(name)
        typer.echo(f"{name}: running the solution")
        expected = editions.write(lab, out / name, wheel=wheel, requirements=package.requirements(wheel))
        if record:
            editions.record_outputs(lab, expected)
        typer.echo(f"{name}: {out / name / name}.zip for students")
