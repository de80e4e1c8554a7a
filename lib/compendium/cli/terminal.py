"""Tables in the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table


def show_table(columns: Sequence[Column | str], rows: Iterable[Sequence[str]], **look: object) -> None:
    """Print a table, its texts as they are; `look` is that of `rich.table.Table`, such as its title."""
    table = Table(*columns, **look)
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
