"""`compendium data`: list the data sets and fetch those kept on disk."""

from typing import Annotated

import typer
from rich.table import Column

from compendium.cli.terminal import show_table

app = typer.Typer(help="List and fetch data sets.", no_args_is_help=True)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="mnist, cifar10, cifar100")],
) -> None:
    """Download data sets into $COMPENDIUM_DATA or the user's cache folder; sets already there are kept."""
    from compendium import data  # slow to import, and needed by these two commands alone

    for name in names:
        typer.echo(f"{name}: {data.fetch(name)}")


@app.command("list")
def list_sets() -> None:
    """Show each data set, whether it is here and sound, and what to type if it is not."""
    from compendium import data

    rows = []
    for name, entry in data.CATALOGUE.items():
        match state := data.state(name):
            case "embedded":
                where = "in the installed packages"
            case "present" | "other data":
                where = str(data.folder() / entry.folder)
            case _:
                where = f"compendium data fetch {name}"
        images = " + ".join(f"{entry.counts[split]:,}" for split in data.SPLITS)
        rows.append((name, images, "x".join(map(str, entry.shape)), state, where))
    show_table(["set", "images", "size", "state", Column("where, or what to type", overflow="fold")], rows)
