"""`compendium evaluate`: a denoiser of one's own under the leaderboard's protocol."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from compendium import chapters, project
from compendium.cli.run import carry_out

CHAPTER = "evaluate"


def evaluate(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD", help="FILE.py:FUNCTION that restores or trains, or a .keras or .onnx file."
        ),
    ],
    task: Annotated[str, typer.Option(help="salt-pepper, gaussian-mnist or gaussian-cifar10.")],
    images: Annotated[
        Literal["embedded", "real"], typer.Option("--data", help="Embedded images, or CIFAR-10 or MNIST.")
    ] = "embedded",
    seeds: Annotated[int, typer.Option(min=1, help="How many trainings, from the seeds 0, 1 and so on.")] = 1,
    test_images: Annotated[
        int | None, typer.Option(min=2, help="How many test images; 200 embedded ones, or all real ones.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="The longest for one level and seed.")] = 10,
    add: Annotated[
        str | None, typer.Option(metavar="NAME", help="Keep the result on your leaderboard.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; by default one in runs/.")] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Make the run's web page, too.")] = True,
) -> None:
    """Measure a denoiser of your own beside the book's methods, on the same noisy images."""
    from compendium import results, runs
    from compendium.leaderboard import kept, tasks

    chosen = tasks.task(task)
    if add:
        kept.check_name(add)
    notebook = chapters.named(CHAPTER)
    values = {
        "task": task,
        "dataset": chosen.real if images == "real" else chosen.embedded,
        "test_images": test_images or (200 if images == "embedded" else 10_000),
        "seeds": [*range(seeds)],
        "minutes": minutes,
    }
    profile = "cpu" if images == "real" else "quick"
    this = runs.resolve(notebook, values, profile=profile, doors={"method": method})
    this = replace(this, folder=out or project.RUNS / CHAPTER / this.key)
    carry_out(notebook, this, resume=True, page=page)
    record = results.read(this.folder / runs.RECORD)
    typer.echo(kept.table(record))
    if add:
        kept.add(add, record)
    typer.echo(this.folder)
