"""Records of runs: what a chapter measured, with all that is needed to measure it again."""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import psutil

from compendium import project
from compendium.data import ImageSet
from compendium.errors import CompendiumError
from compendium.files import own_name, write_atomically
from compendium.parameters import as_typed
from compendium.runs import RECORD, Run, of_this_kernel, seconds

FORM = 2
"""A record's form, which `write` notes in it. Records without it have the first form, which says less."""

METRIC_COLUMNS = ["quantity", "method", "level", "seed", "image", "value"]
OUTCOME_COLUMNS = ["method", "level", "seed", "outcome", "epoch", "quantity", "value", "predictor", "limit"]
LEARNT = "learnt"
"""The outcome of a network that is ahead of the trivial predictors; see `outcomes.judged`."""

CURVE_NUMBERS = ["epoch", "loss", "val_loss"]
METRICS = "metrics.csv"
QUOTED = "quoted.json"
"""The file in a run's folder with the checksums of the records that its page quotes."""


def resumed(path: Path, identity: Mapping[str, object], compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the table of one part of a run: from `path`, or else what `compute` gives, which is kept there.

    So a run of many parts that was killed goes on, when it is started again, with the first part that it
    lacks.

    Args:
        path: a JSON file in the run's folder, one for each part.
        identity: all that decides the table's numbers, such as parameters and the `sha256` of the data.
        compute: gives a table of numbers and texts.

    A file that holds the table of another identity is left alone; this one gets a name of its own beside it.

    Raises CompendiumError where the file is unreadable.
    """
    identity = _plain(dict(identity))
    path = own_name(path, identity, _identity_in)
    if not path.exists():
        rows = _rows(compute())
        write_atomically(path, json.dumps({"identity": identity, "rows": rows}, allow_nan=False))
    return pd.DataFrame(_content(path)["rows"])


def write(
    run: Run,
    *,
    metrics: pd.DataFrame,
    definitions: Mapping[str, str],
    curves: pd.DataFrame,
    data_sets: Sequence[ImageSet],
    outcomes: pd.DataFrame | None = None,
    noise: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Write a run's record, and its metrics as a table of text, to its folder; return the record.

    Args:
        run: from `runs.present`.
        metrics: tidy, one row per number: its `value`, and columns that say what it is the number of; columns
            and entries that do not apply may be missing: `quantity` (MSE, SSIM ...), `method` (a network or
            what it is compared with), `level` (of noise, or another condition), `seed` and `image`.
        definitions: for each metric's name, how it is computed.
        curves: learning curves, one row per epoch and network; `seconds` adds up to the training time.
        data_sets: all splits that were used.
        outcomes: from `outcomes.judged`.
        noise: what the noise depends on besides the seed, such as the first index of the test images.

    Raises ValueError for another column of `metrics` or `outcomes`.
    """
    outcomes = pd.DataFrame(columns=OUTCOME_COLUMNS) if outcomes is None else outcomes
    for name, table, known in (("metrics", metrics, METRIC_COLUMNS), ("outcomes", outcomes, OUTCOME_COLUMNS)):
        if stray := set(table.columns) - {*known}:
            raise ValueError(f"{name}: unknown columns {sorted(stray)}; there are {known}")
    description = run.description()
    record = {
        "form": FORM,
        **{name: description[name] for name in ("chapter", "profile")},
        "key": run.key,
        **{name: description[name] for name in ("parameters", "own", "left_out")},
        "data": [
            {"name": s.name, "images": len(s.images), "sha256": s.sha256, "notes": list(s.notes)}
            for s in data_sets
        ],
        "noise": _plain(dict(noise or {})),
        "commit": run.commit,
        "source": {"sha256": run.code},
        "library": run.library,
        "packages": project.locked_versions(),
        "device": _device(),
        "backend": run.backend,
        "threads": run.threads,
        "training_seconds": float(curves["seconds"].sum()),
        "peak_memory_bytes": _peak_memory(),
        "definitions": dict(definitions),
        "outcomes": _rows(outcomes),
        "metrics": _rows(metrics),
        "curves": _rows(curves),
    }
    _write(run.folder, record)
    table = metrics_of(record)
    write_atomically(run.folder / METRICS, table.to_csv(index=False))
    return record


def complete(
    folder: Path, code: Sequence[str], cells: Sequence[Mapping[str, object]], parts: Mapping[str, str]
) -> None:
    """Add to the record in a run's folder what its kernel could not know.

    Args:
        folder: of the run.
        code: the sources of the chapter's cells of code.
        cells: `cell` and `seconds`, one row per executed cell.
        parts: what became of each part, by its name: "done", "left out", or "failed: " and why.
    """
    path = folder / RECORD
    record = json.loads(path.read_text(encoding="utf-8"))
    record |= {
        "source": {**record.get("source", {}), "cells": list(code)},
        "wall_seconds": seconds(folder),
        "cells": list(cells),
        "parts": dict(parts),
    }
    _write(folder, record)


def load(chapter: str, profile: str) -> dict[str, object]:
    """Return the record of a chapter's published run under `profile`, from `results/`.

    A run's folder keeps the checksums of the records that its page quotes (see `quotes`).

    Raises CompendiumError, naming what to type, where there is none.
    """
    path = project.RESULTS / chapter / profile / RECORD
    if run := of_this_kernel():
        _note(run.folder, path)
    if path.exists():
        return read(path)
    raise CompendiumError(
        f"{path}: no such published run; make it with `compendium run {chapter} --profile {profile}`, "
        "then `compendium publish` and its folder"
    )


def quotes(folder: Path) -> dict[str, str | None]:
    """Return the checksums of the records that the page of a run quotes, by path in the checkout."""
    noted = folder / QUOTED
    return json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}


def hold(quoted: Mapping[str, str | None]) -> bool:
    """Return whether records are still as they were quoted; takes what `quotes` returns."""
    return all(_checksum(project.ROOT / name) == known for name, known in quoted.items())


def read(path: Path) -> dict[str, object]:
    """Return the record in a file, of this checkout or from elsewhere; it is data, nothing in it is run.

    Raises CompendiumError where the file cannot be read or does not have the form of a record.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise CompendiumError(
            f"{path}: not a record ({fault}); restore it from where it comes from"
        ) from None
    if not _is_record(record):
        raise CompendiumError(f"{path}: not a record of a run; name another folder, or make the run anew")
    return record


def metrics_of(record: Mapping[str, object]) -> pd.DataFrame:
    """Return a record's numbers: one row per number, with the columns `METRIC_COLUMNS` (see `write`).

    `image` is missing where the number is a mean over images, `seed` where it depends on no seed or the run
    had only one.
    """
    return pd.DataFrame(record["metrics"], columns=METRIC_COLUMNS)


def means(source: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return means of one quantity: one row per method, one column per level, in the order of the source.

    The source has the columns `quantity`, `method`, `level` and `value`. Numbers of single images (`image`)
    are left out, and those of several seeds are averaged.
    """
    of_all = source[source["image"].isna()] if "image" in source else source
    chosen = of_all[of_all["quantity"] == quantity]
    table = chosen.pivot_table(index="method", columns="level", values="value", sort=False)
    # rows and columns that are missing throughout stay
    return table.reindex(index=chosen["method"].unique(), columns=chosen["level"].unique())


def side_by_side(sources: Mapping[str, pd.DataFrame], quantity: str) -> pd.DataFrame:
    """Return `means` of one quantity from several sources: one row per method, columns (source, level)."""
    return pd.concat({name: means(source, quantity) for name, source in sources.items()}, axis=1)


def rounded(table: pd.DataFrame, digits: int | Mapping[str, int]) -> pd.DataFrame:
    """Return a table of numbers as text for a page: a missing number as "", zero without a sign.

    `digits`, after the point, are the same for all columns, or by a column's name on any level of the head.
    """

    def text(column: pd.Series) -> pd.Series:
        names = column.name if isinstance(column.name, tuple) else (column.name,)
        places = digits if isinstance(digits, int) else next(digits[name] for name in names if name in digits)
        return column.map(lambda number: "" if pd.isna(number) else f"{number:z.{places}f}")

    return table.apply(text)


def of_images(source: pd.DataFrame, quantity: str, method: str) -> pd.DataFrame:
    """Return one quantity of single images under one method: one row per image, one column per level."""
    chosen = source[
        (source["quantity"] == quantity) & (source["method"] == method) & source["image"].notna()
    ].astype({"image": int})
    table = chosen.pivot(index="image", columns="level", values="value")
    return table.loc[chosen["image"].unique(), chosen["level"].unique()]


def provenance(record: Mapping[str, object]) -> pd.DataFrame:
    """Return a table, one row per fact, of what a record says about its run; for the foot of a chapter."""
    sets = [f"{s['name']}: {s['images']:,} images, sha256 {s['sha256'][:12]}" for s in record["data"]]
    notes = sorted({f"{s['name']}: {note}" for s in record["data"] for note in s["notes"]})
    values = ", ".join(f"{name} = {as_typed(value)}" for name, value in record["parameters"].items())
    packages = ", ".join(
        f"{name} {record['packages'][name]}" for name in project.QUOTED_PACKAGES if name in record["packages"]
    )
    facts = {
        "profile": record["profile"],
        "parameters": values,
        "data": "; ".join(sets),
        "about the data": "; ".join(notes) or "nothing to note",
        "commit": record["commit"] or "not in a git checkout",
        "lib/ sha256": record["library"][:12],
        "packages": packages,
        "device": record["device"],
    }
    if "threads" in record:
        facts["threads of a training"] = str(record["threads"])
    facts["training time"] = f"{record['training_seconds'] / 60:.1f} minutes"
    if record.get("form") is None:  # later forms know the time only when the last cell has run
        facts["time since the last start"] = f"{record['wall_seconds'] / 60:.1f} minutes"
    facts["peak memory"] = f"{record['peak_memory_bytes'] / 2**30:.1f} GiB"
    return pd.DataFrame({"fact": facts.keys(), "value": facts.values()}).set_index("fact")


def _write(folder: Path, record: Mapping[str, object]) -> None:
    write_atomically(folder / RECORD, json.dumps(record, indent=1, allow_nan=False) + "\n")


def _note(folder: Path, quoted: Path) -> None:
    """Note in a run's folder that its page quotes a record."""
    known = quotes(folder) | {quoted.relative_to(project.ROOT).as_posix(): _checksum(quoted)}
    write_atomically(folder / QUOTED, json.dumps(known, indent=1) + "\n")


def _checksum(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _content(path: Path) -> dict[str, object]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise CompendiumError(f"{path}: not readable ({fault}); delete it to compute it anew") from None


def _identity_in(path: Path) -> object:
    return _content(path)["identity"]


def _is_record(content: object) -> bool:
    """Whether this has what comparing runs takes: a chapter, parameters, and tables of rows."""

    def is_table(rows: object) -> bool:
        return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)

    return (
        isinstance(content, dict)
        and isinstance(content.get("chapter"), str)
        and isinstance(content.get("parameters"), dict)
        and all(is_table(content.get(table)) for table in ("metrics", "curves"))
        and all(isinstance(row.get("value"), int | float | None) for row in content["metrics"])
        and all(
            isinstance(row.get(x, 0), int | float | None) for row in content["curves"] for x in CURVE_NUMBERS
        )
    )


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return a table's rows as JSON values; what is no finite number becomes null."""
    finite = table.astype(object).where(~table.isin([float("inf"), float("-inf")]) & table.notna(), None)
    return _plain(finite.to_dict("records"))


def _plain(value: object) -> object:
    """Return a value as it comes back from JSON, with NumPy's numbers and arrays as Python's."""
    return json.loads(json.dumps(value, default=lambda array: array.tolist()))


def _device() -> str:
    import keras  # only a chapter that trains has loaded it; the command line must not

    devices = ", ".join(keras.distribution.list_devices())
    return f"{keras.backend.backend()} on {devices}; {os.cpu_count()} cores, {platform.machine()}"


def _peak_memory() -> int:
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
