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
        Path | None, typer.Option(help="Web page to write; runs/comparison.html without it.")
    ] = None,
) -> None:
    """Print what differs in parameters and metrics of runs; write a page of it with their learning curves."""
    from compendium import comparison  # slow to import; `compendium --help` must not wait for it

    records = comparison.read(runs)
    for number, name in enumerate(records, 1):
        typer.echo(f"run {number}: {name}")
    _show(comparison.settings(records), "Parameters and circumstances that differ")
    measured = comparison.metrics(records)
    differing = measured[measured[[*records]].nunique(axis=1, dropna=False) > 1]
    _show(differing, f"Metrics that differ, beside {len(measured) - len(differing)} that do not")
    target = out or project.RUNS / "comparison.html"
    write_atomically(target, comparison.page(records))
    typer.echo(target)


def _show(table: "pd.DataFrame", title: str) -> None:
    if table.empty:
        typer.echo(f"{title}: none")
        return
    names = [f"run {number}" for number in range(1, len(table.columns) + 1)]
    if "difference" in table:
        names[-1] = "difference"
    index = [name or "" for name in table.index.names]
    rows = []
    for key, *values in table.itertuples():
        keys = key if isinstance(key, tuple) else (key,)
        rows.append(
            [f"{value:.5g}" if isinstance(value, float) else str(value) for value in (*keys, *values)]
        )
    show_table([Column(name, overflow="fold") for name in (*index, *names)], rows, title=title)
