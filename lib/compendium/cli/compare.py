"""`compendium compare`: runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column

from compendium import project
from compendium.cli.terminal import show_table
from compendium.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Folders with a record, or results/tuning/cpu.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Web page to write; by default runs/comparison.html.")
    ] = None,
) -> None:
    """Print how runs differ in parameters and metrics; write a web page with this and the learning curves."""
    from compendium.runs import to_compare  # NumPy, for which `compendium --help` must not wait

    to_compare(runs)  # refused before the imports that are slower still

    from compendium import comparison

    records = comparison.read(runs)
    target = out or project.RUNS / "comparison.html"
    write_atomically(target, comparison.page(records))
    for label, name in zip(comparison.labels(records), records, strict=True):
        typer.echo(f"{label}: {name}")
    _show(comparison.settings(records), "What differs in parameters, circumstances and outcomes")
    measured = comparison.metrics(records)
    differing = measured[~comparison.agree(measured)]
    equal = f"{len(measured) - len(differing)} agree to {comparison.ROUNDING:g} of their size"
    _show(differing.map(comparison.number), f"Metrics that differ ({equal})")
    typer.echo(target)


def _show(table: "pd.DataFrame", title: str) -> None:
    """Print a table of texts."""
    if table.empty:
        typer.echo(f"{title}: none")
        return
    names = [*(name or "" for name in table.index.names), *table]
    rows = [[*(key if isinstance(key, tuple) else (key,)), *values] for key, *values in table.itertuples()]
    show_table([Column(name, overflow="fold") for name in names], rows, title=title)
