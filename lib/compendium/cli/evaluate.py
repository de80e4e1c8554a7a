"""`compendium evaluate`: a denoiser of one's own under the leaderboard's protocol."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from compendium import chapters, project
from compendium.cli.run import carry_out
from compendium.errors import UsageError

CHAPTER = "evaluate"


def evaluate(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="FILE.py:FUNCTION or MODULE:FUNCTION, which takes (noisy), or (noisy, clean, validation, "
            "seed) where it trains; or a .keras or .onnx file.",
        ),
    ],
    task: Annotated[str, typer.Option(help="salt-pepper, gaussian-mnist or gaussian-cifar10.")],
    images: Annotated[
        str, typer.Option("--data", metavar="embedded|real", help="Embedded images, or CIFAR-10 or MNIST.")
    ] = "embedded",
    seeds: Annotated[int, typer.Option(min=1, help="How many trainings, from the seeds 0, 1 and so on.")] = 1,
    test_images: Annotated[
        int | None, typer.Option(min=2, help="How many test images; 200 embedded ones, or all real ones.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="The most minutes for one level and seed.")] = 10,
    add: Annotated[
        str | None, typer.Option(metavar="NAME", help="Keep the result on your leaderboard.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; by default one in the checkout's runs/.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that --out holds, if it holds one.")
    ] = False,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Make the run's web page, too.")] = True,
) -> None:
    """Measure a denoiser of your own beside the book's methods, on the same noisy images."""
    if images not in ("embedded", "real"):
        raise UsageError(f'--data {images}: write "embedded" or "real"')
    if not 0 < minutes < math.inf:
        raise UsageError(f"--minutes {minutes:g}: expected a number above 0, for example --minutes 10")

    from compendium import data, own, results, runs  # brings NumPy, for which wrong usage above must not wait
    from compendium.leaderboard import kept, tasks

    if ":" not in method and not own.is_network(method):
        raise UsageError(f"{method}: write FILE.py:FUNCTION, or name a .keras or .onnx file")
    chosen = tasks.task(task)
    own.trains(method)  # which tells of arguments that no method has
    dataset = chosen.real if images == "real" else chosen.embedded
    there = data.CATALOGUE[dataset].counts["test"]
    values = {
        "task": task,
        "dataset": dataset,
        "test_images": min(there, test_images or (200 if images == "embedded" else there)),
        "seeds": [*range(seeds)],
        "minutes": minutes,
    }
    notebook = chapters.named(CHAPTER)
    profile = "cpu" if images == "real" else "quick"
    this = runs.resolve(notebook, values, profile=profile, doors={"method": method})
    this = replace(this, folder=out or project.RUNS / CHAPTER / this.key)
    if add is not None:
        kept.check(add, this.key)
    carry_out(notebook, this, resume=resume or not out, page=page)
    record = results.read(this.folder / runs.RECORD)
    others, left_out = kept.others(record)
    for path in left_out:
        typer.echo(f"compendium: {path}: not a record, left out; delete it", err=True)
    typer.echo(kept.table(record, others))
    if add is not None:
        kept.add(add, record)
    typer.echo(this.folder)
