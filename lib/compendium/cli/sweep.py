"""`compendium sweep`: a grid of runs of one chapter."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from compendium import chapters
from compendium.cli import doors
from compendium.cli.assignments import assignment
from compendium.errors import CompendiumError, UsageError
from compendium.sweep import grid as grids
from compendium.sweep.grid import Point

if TYPE_CHECKING:
    from compendium.sweep.folder import Sweep


def sweep(
    chapter: Annotated[str, typer.Argument(help="Name of a notebook in notebooks/, such as depth-latent.")],
    grid: Annotated[
        list[str],
        typer.Option("-g", "--grid", metavar="NAME=VALUES", help="Values to run, as in seed=0..4."),
    ] = [],  # noqa: B006 (typer reads the default, nothing writes to it)
    parameter: Annotated[
        list[str],
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a parameter at every point."),
    ] = [],  # noqa: B006
    profile: Annotated[str, typer.Option(help="quick, cpu or paper.")] = "quick",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Points at once; by default one per processor.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A running Dask cluster, such as tcp://HOST:8786.")
    ] = None,
    network: doors.Network = None,
    loss: doors.Loss = None,
    denoiser: doors.Denoiser = None,
    including: Annotated[
        str,
        typer.Option("--with", metavar="PARTS", help="Compute these parts of the chapter, too; or all."),
    ] = "",
    pages: Annotated[bool, typer.Option("--pages", help="Make a web page of each point, too.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sweep; one that it holds is continued.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --scheduler: wait for workers, if it has none yet.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the points and the time; run none.")
    ] = False,
) -> None:
    """Run a chapter at every point of a grid; points that are done already are not run again."""
    if wait and not scheduler:
        raise UsageError(
            "--wait is for the workers of a running cluster; name its scheduler with --scheduler"
        )
    if workers and scheduler:
        raise UsageError("--workers is for this machine alone; leave it out, or --scheduler")
    swept, given = _named("-g", grid, "seed=0..4"), _named("-p", parameter, "epochs=20")
    if not swept:
        raise UsageError("no grid; give -g NAME=VALUES once or more, for example -g seed=0..4")
    if both := swept.keys() & given.keys():
        raise UsageError(f"{min(both)}: given with -g and with -p; leave out one of them")
    notebook = chapters.named(chapter)
    notebook.of_profile(profile)  # a wrong one is told here, not by every point
    values = grids.read(chapter, notebook.parameters, swept)
    same = notebook.check(given)
    included = notebook.check_parts(including)
    left_out = tuple(part for part in notebook.parts if part not in included)

    from compendium import runs
    from compendium.sweep import folder as state  # slow to import; wrong usage above must not wait
    from compendium.sweep import table

    table.check_names(values)
    own = runs.check_doors(notebook, doors.named(network, loss, denoiser))
    this = state.Sweep(chapter, profile, same, values, left_out=left_out, doors=own)
    folder = (out or this.folder()).resolve()
    state.check(this, folder)
    points = grids.points(values)
    missing = [p for p in points if not runs.finished(state.point_folder(folder, p.name), chapter)]
    if dry_run:
        _show(this, points, missing, folder, workers)
        return
    state.claim(this, folder)
    failures, stopped = (
        _run(this, missing, folder, workers, scheduler, wait, pages) if missing else ({}, None)
    )
    from compendium.sweep import report

    results = table.build(this, points, failures, folder)
    table.write(results, folder)
    typer.echo(report.write(this, results, folder))
    for name in sorted(failures):
        typer.echo(f"{name}: {failures[name]}", err=True)
    if stopped:
        done = results.loc[results["status"] == "done", "point"].nunique()
        raise CompendiumError(
            f"{stopped}; {done} of {len(points)} points are done, the same command does the rest"
        )
    if failures:
        raise CompendiumError(
            f"{len(failures)} of {len(points)} points failed; "
            "the same command runs them again, after all others"
        )


def _named(option: str, texts: Sequence[str], example: str) -> dict[str, str]:
    named = {}
    for text in texts:
        name, value = assignment(option, text, example)
        if name in named:
            raise UsageError(f"{option} {name}: given twice; give all its values at once, or one of them")
        named[name] = value
    return named


def _show(
    sweep: "Sweep", points: Sequence[Point], missing: Sequence[Point], folder: Path, workers: int | None
) -> None:
    """Print the points and about how long the missing ones will take."""
    from compendium.sweep.folder import seconds_a_point

    for point in points:
        typer.echo(point.name if point in missing else f"{point.name}, done")
    found = seconds_a_point(sweep, points, folder)
    if found is None:
        typer.echo(f"{len(missing)} points to run; no published run says how long one takes")
        return
    seconds, source = found
    at_once = _at_once(workers, missing)
    each, total = (timedelta(seconds=round(n)) for n in (seconds, seconds * ceil(len(missing) / at_once)))
    typer.echo(
        f"{len(missing)} points to run, {at_once} at once, {each} each as {source}: "
        f"about {total}; longer if a run has fewer processors than that one had"
    )


def _run(
    sweep: "Sweep",
    missing: Sequence[Point],
    folder: Path,
    workers: int | None,
    scheduler: str | None,
    wait: bool,
    pages: bool,
) -> tuple[dict[str, str], str | None]:
    """Run the missing points and show how far it is; those that failed before, in a cell, come last.

    Returns the messages of those that failed, now or before, by name, and what stopped it before its end.
    """
    from compendium.sweep import cluster
    from compendium.sweep.folder import point_folder
    from compendium.sweep.point import failure

    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    before = {p.name: failure(point_folder(folder, p.name), sweep.chapter) for p in missing}
    failures = {name: message for name, message in before.items() if message}
    if failures:
        console.print(
            f"{len(failures)} of {len(missing)} points failed before, with the same code; they come last"
        )
    missing = sorted(missing, key=lambda point: point.name in failures)
    at_once = _at_once(workers, missing)
    connected = cluster.running(scheduler, wait=wait) if scheduler else cluster.local(at_once)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        "elapsed,",
        TimeRemainingColumn(),
        "left",
    )
    if wait:
        console.print(f"waiting for workers of {scheduler}, if it has none")
    try:
        with connected as client, Progress(*columns, console=console, speed_estimate_period=inf) as progress:
            bar = progress.add_task("", total=len(missing))
            patient = wait or not scheduler
            for point, outcome in cluster.run(client, sweep, missing, folder, pages=pages, wait=patient):
                console.print(f"{outcome.status}: {point.name}")
                progress.advance(bar)
                if outcome.status == "failed":
                    failures[point.name] = outcome.message
                else:
                    failures.pop(point.name, None)
    except KeyboardInterrupt:
        return failures, "interrupted"
    except cluster.Stopped as stopped:
        return failures, str(stopped)
    return failures, None


def _at_once(workers: int | None, missing: Sequence[Point]) -> int:
    from dask.system import CPU_COUNT

    return max(1, min(workers or CPU_COUNT, len(missing)))
