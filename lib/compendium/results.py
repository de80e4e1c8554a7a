"""Recorded runs: what a chapter measured, with all that is needed to measure it again."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import psutil

from compendium import project
from compendium.data import ImageSet
from compendium.errors import CompendiumError
from compendium.files import write_atomically
from compendium.parameters import as_typed
from compendium.runs import RECORD

METRIC_COLUMNS = ["quantity", "method", "level", "seed", "image", "value"]
CURVE_NUMBERS = ["epoch", "loss", "val_loss"]


def run_folder(chapter: str) -> Path:
    """Return the folder of the present run, for checkpoints, weights and the record; it is created.

    The runner names it in $COMPENDIUM_RUN; a notebook opened by hand uses `runs/<chapter>/interactive`.
    """
    named = os.environ.get("COMPENDIUM_RUN")
    folder = Path(named) if named else project.RUNS / chapter / "interactive"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def parameters(namespace: Mapping[str, object]) -> dict[str, object]:
    """Return the notebook's parameters: the annotated names of `globals()` with their present values."""
    return {name: namespace[name] for name in namespace.get("__annotations__", {})}


def resumed(path: Path, identity: Mapping[str, object], compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the table of one part of a run: from `path`, or else what `compute` gives, which is kept there.

    So a run of many parts that is killed and started again goes on with the first part that it lacks.

    Args:
        path: a JSON file in the run's folder, one for each part.
        identity: all that decides the table's numbers; parameters, and the `sha256` of the data.
        compute: gives a table of numbers and texts.

    Raises CompendiumError where the file is unreadable, or holds a table of another identity.
    """
    identity = _plain(dict(identity))
    if not path.exists():
        rows = _rows(compute())
        write_atomically(path, json.dumps({"identity": identity, "rows": rows}, allow_nan=False))
    try:
        content = json.loads(path.read_text())
    except ValueError as fault:
        raise CompendiumError(f"{path}: not readable ({fault}); delete it to compute it anew") from None
    if content["identity"] != identity:
        raise CompendiumError(
            f"{path}: computed with other parameters or data; delete it, or choose another folder"
        )
    return pd.DataFrame(content["rows"])


def write(
    chapter: str,
    *,
    parameters: Mapping[str, object],
    metrics: pd.DataFrame,
    definitions: Mapping[str, str],
    curves: pd.DataFrame,
    data_sets: Sequence[ImageSet],
    folder: Path,
) -> dict[str, object]:
    """Write a run's record to `folder` and return it.

    Args:
        chapter: name of the notebook, without its ending.
        parameters: from `parameters(globals())`.
        metrics: tidy, a row a number: `value`, and of the columns below those that say what it is of:
            `quantity` (MSE, SSIM ...), `method` (a network or what it is compared with), `level` (of noise,
            or another condition), `seed` and `image`. What is absent or missing does not apply.
        definitions: for each metric's name, how it is computed.
        curves: learning curves, a row an epoch and network; `seconds` adds up to the training time.
        data_sets: all splits that were used.
        folder: from `run_folder`.

    Raises ValueError for a column of `metrics` that is none of these.
    """
    if stray := set(metrics.columns) - {*METRIC_COLUMNS}:
        raise ValueError(f"metrics: unknown columns {sorted(stray)}; there are {METRIC_COLUMNS}")
    record = {
        "chapter": chapter,
        "profile": os.environ.get("COMPENDIUM_PROFILE", "interactive"),
        "parameters": _plain(dict(parameters)),
        "data": [
            {"name": s.name, "images": len(s.images), "sha256": s.sha256, "notes": list(s.notes)}
            for s in data_sets
        ],
        "commit": project.commit(),
        "library": project.library_hash(),
        "packages": {"python": platform.python_version(), **project.quoted_versions()},
        "device": _device(),
        "training_seconds": float(curves["seconds"].sum()),
        "wall_seconds": time.time() - psutil.Process().create_time(),
        "peak_memory_bytes": _peak_memory(),
        "definitions": dict(definitions),
        "metrics": _rows(metrics),
        "curves": _rows(curves),
    }
    write_atomically(folder / RECORD, json.dumps(record, indent=1, allow_nan=False) + "\n")
    return record


def file(folder: Path, chapter: str, profile: str) -> Path:
    """Copy a finished run's record and weights from `folder` to `results/`, where the book finds them.

    Returns the folder in `results/`. Raises CompendiumError where the run left no record.
    """
    if not (folder / RECORD).exists():
        raise CompendiumError(f"{folder}: no {RECORD}; only a finished run can be recorded")
    target = project.RESULTS / chapter / profile
    for path in [*sorted(folder.glob("*.weights.h5")), folder / RECORD]:
        write_atomically(target / path.name, path.read_bytes())
    return target


def load(chapter: str, profile: str) -> dict[str, object]:
    """Return the committed record of a chapter's run under `profile`, from `results/`.

    The run that is to become that record finds none yet: it gets one without numbers.

    Raises CompendiumError, naming what to type, where no such run is recorded.
    """
    path = project.RESULTS / chapter / profile / RECORD
    if not path.exists() and os.environ.get("COMPENDIUM_PROFILE") == profile:
        return {"metrics": [], "curves": []}
    if not path.exists():
        raise CompendiumError(
            f"{path}: no such recorded run; make it with "
            f"`compendium run {chapter} --profile {profile} --record`"
        )
    return read(path)


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
    """Return a record's numbers: a row each, with the columns `METRIC_COLUMNS` (see `write`).

    `image` is missing where the number is a mean over images, `seed` where it does not depend on one or the
    run had only one.
    """
    return pd.DataFrame(record["metrics"], columns=METRIC_COLUMNS)


def side_by_side(sources: Mapping[str, pd.DataFrame], quantity: str) -> pd.DataFrame:
    """Return means of one quantity from several sources: a row a method, columns (source, level).

    Each source has the columns `quantity`, `method`, `level` and `value`. Numbers of single images (`image`)
    are left out, those of several seeds averaged.
    """
    tables = {}
    for name, source in sources.items():
        means = source[source["image"].isna()] if "image" in source else source
        chosen = means[means["quantity"] == quantity]
        means = chosen.pivot_table(index="method", columns="level", values="value", sort=False)
        tables[name] = means[chosen["level"].unique()]
    return pd.concat(tables, axis=1)


def rounded(table: pd.DataFrame, digits: int | Mapping[str, int]) -> pd.DataFrame:
    """Return a table of numbers as text, a missing one as "", zero without a sign, for a page.

    `digits` after the point are for all columns, or for each by its name, on whichever level that stands.
    """

    def text(column: pd.Series) -> pd.Series:
        names = column.name if isinstance(column.name, tuple) else (column.name,)
        places = digits if isinstance(digits, int) else next(digits[name] for name in names if name in digits)
        return column.map(lambda number: "" if pd.isna(number) else f"{number:z.{places}f}")

    return table.apply(text)


def of_images(source: pd.DataFrame, quantity: str, method: str) -> pd.DataFrame:
    """Return one quantity of single images under one method: a row an image, a column a level."""
    chosen = source[
        (source["quantity"] == quantity) & (source["method"] == method) & source["image"].notna()
    ].astype({"image": int})
    table = chosen.pivot(index="image", columns="level", values="value")
    return table.loc[chosen["image"].unique(), chosen["level"].unique()]


def provenance(record: Mapping[str, object]) -> pd.DataFrame:
    """Return a table, one row a fact, of what a record says about its run; for the foot of a chapter."""
    if "parameters" not in record:
        return pd.DataFrame({"fact": ["state"], "value": ["not recorded yet"]}).set_index("fact")
    sets = [f"{s['name']}: {s['images']:,} images, sha256 {s['sha256'][:12]}" for s in record["data"]]
    notes = sorted({f"{s['name']}: {note}" for s in record["data"] for note in s["notes"]})
    values = ", ".join(f"{name} = {as_typed(value)}" for name, value in record["parameters"].items())
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    facts = {
        "profile": record["profile"],
        "parameters": values,
        "data": "; ".join(sets),
        "about the data": "; ".join(notes) or "nothing to note",
        "commit": record["commit"] or "not in a git checkout",
        "lib/ sha256": record["library"][:12],
        "packages": packages,
        "device": record["device"],
        "training time": f"{record['training_seconds'] / 60:.1f} minutes",
        "time since the last start": f"{record['wall_seconds'] / 60:.1f} minutes",
        "peak memory": f"{record['peak_memory_bytes'] / 2**30:.1f} GiB",
    }
    return pd.DataFrame({"fact": facts.keys(), "value": facts.values()}).set_index("fact")


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
