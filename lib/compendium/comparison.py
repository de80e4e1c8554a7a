"""Recorded runs side by side: what differs in their parameters and metrics, and their learning curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import seaborn as sns
from jinja2 import Environment
from matplotlib.figure import Figure

from compendium import plots, project, results
from compendium.errors import UsageError
from compendium.runs import RECORD

Records = Mapping[str, Mapping[str, object]]
"""Records by the names of their runs."""

CIRCUMSTANCES = ("profile", "commit", "device")

_PAGE = Environment(autoescape=True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
body { font-family: sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; }
th, td { padding: 0.2em 0.8em; text-align: left; border-bottom: 1px solid #ccc; }
img { max-width: 100%; }
</style></head>
<body><h1>{{ title }}</h1>
<h2>Parameters and circumstances that differ</h2>
{% if settings.empty %}<p>None.</p>{% else %}{{ settings.to_html() | safe }}{% endif %}
<h2>Metrics</h2><p>Means over seeds; over images only where no mean over all of them is recorded.</p>
{{ metrics.to_html(float_format="{:.5g}".format, na_rep="") | safe }}
<h2>Learning curves</h2>
{% if curves %}<img alt="Learning curves of the runs, a panel a network." src="{{ curves }}">
{% else %}<p>No run has recorded any.</p>{% endif %}
</body></html>
""")


def read(names: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return the records of runs; a name is a folder with a record, seen from here or from the checkout.

    Raises UsageError for fewer than two runs, one given twice, one that is not there, or other chapters'
    runs among them; CompendiumError for what is not a record.
    """
    if len({*names}) < max(2, len(names)):
        raise UsageError(
            "compare: name two runs or more, each once, for example results/tuning/cpu runs/mine"
        )
    records = {_printable(name): results.read(_path(name)) for name in names}
    chapters = {_printable(record["chapter"]) for record in records.values()}
    if len(chapters) > 1:
        raise UsageError(
            f"compare: runs of different chapters ({', '.join(sorted(chapters))}); name runs of one"
        )
    return records


def settings(records: Records) -> pd.DataFrame:
    """Return the parameters and circumstances that differ, as texts: a row each, a column a run."""
    columns = {
        name: {**record["parameters"], **{fact: record.get(fact) for fact in CIRCUMSTANCES}}
        for name, record in records.items()
    }
    table = pd.DataFrame({name: pd.Series(facts, dtype=object) for name, facts in columns.items()})
    table = table.reindex([*dict.fromkeys(fact for facts in columns.values() for fact in facts)])
    table = table.map(_printable).rename(index=_printable)
    return table[table.nunique(axis=1) > 1]


def metrics(records: Records) -> pd.DataFrame:
    """Return means: a row a quantity, method and level, a column a run; of two, also second minus first.

    Means are over seeds. Numbers of single images count only where no mean over images is recorded.
    """
    table = pd.DataFrame({name: _means(record) for name, record in records.items()})
    if len(records) == 2:
        first, second = records
        table["difference"] = table[second] - table[first]
    return table


def curves(records: Records) -> Figure | None:
    """Draw the learning curves over each other, a panel a network; None where no run has any.

    The loss on the validation images where every run has it, else the training loss; means over seeds.
    """
    tables = {name: pd.DataFrame(record["curves"]) for name, record in records.items()}
    tables = {name: table for name, table in tables.items() if {"epoch", "loss"} <= {*table}}
    if not tables:
        return None
    drawn = "val_loss" if all("val_loss" in table for table in tables.values()) else "loss"
    rows = pd.concat(
        [
            table.assign(run=_literal(name), network=_networks(table).map(_literal)).dropna(
                subset=["epoch", drawn]
            )
            for name, table in tables.items()
        ]
    )
    plots.use_style()
    panels = rows["network"].nunique()
    grid = sns.relplot(
        rows,
        x="epoch",
        y=drawn,
        hue="run",
        style="run",
        col="network",
        col_wrap=min(panels, 4),
        kind="line",
        errorbar=None,
        height=2.6,
        aspect=1.3,
        facet_kws={"sharex": False, "sharey": False},
    )
    grid.set_titles("{col_name}")
    sns.move_legend(grid, "lower center", bbox_to_anchor=(0.5, 1), ncol=len(tables), title=None)
    return grid.figure


def page(records: Records) -> str:
    """Return a web page of its own with the tables and the curves. All texts of the records are escaped."""
    chapter = next(iter(records.values()))["chapter"]
    figure = curves(records)
    return _PAGE.render(
        title=f"{_printable(chapter)}: {len(records)} runs compared",
        settings=settings(records),
        metrics=metrics(records),
        curves=plots.embedded(figure, "png", bbox_inches="tight") if figure else None,
    )


def _path(name: str) -> Path:
    for folder in (Path(name), project.ROOT / name):
        if (folder / RECORD).is_file():
            return folder / RECORD
    raise UsageError(
        f"{name}: no {RECORD} there; name the folder of a finished run, such as results/tuning/cpu"
    )


def _means(record: Mapping[str, object]) -> pd.Series:
    rows = results.metrics_of(record).astype({"value": float})
    groups = ["quantity", "method", "level"]
    rows[groups] = rows[groups].astype(object).where(rows[groups].notna(), "").map(_printable)
    is_mean = rows["image"].isna()
    has_mean = is_mean.groupby([rows[name] for name in groups]).transform("any")
    return rows[is_mean | ~has_mean].groupby(groups, sort=False)["value"].mean()


def _networks(table: pd.DataFrame) -> pd.Series:
    """Name each row's network by the columns of texts, such as its method and level."""
    texts = [column for column in table if any(isinstance(value, str) for value in table[column])]
    names = table[texts].astype(object).where(table[texts].notna(), "").map(_printable)
    return names.agg(", ".join, axis=1) if texts else pd.Series("", table.index)


def _printable(value: object) -> str:
    """Return a value's text, control characters as escapes: a record may come from elsewhere."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def _literal(text: str) -> str:
    """Return a text that matplotlib shows as it is, not as a formula."""
    return text.replace("$", r"\$")
