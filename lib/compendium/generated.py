"""Pages of the book that are made from something else: parameters, library, ledger, labs, how to cite.

A book without the committed file, or without labs, has no such page.
"""

import json
from collections.abc import Callable
from pathlib import Path

import nbformat

from compendium import chapters, claims, products, project
from compendium.claims import pages as ledger
from compendium.files import write_atomically
from compendium.labs import editions, package, source
from compendium.site import citation, minutes, reference

PARAMETERS = "book/parameters.md"
CLAIMS = "book/claims.md"
LABS = "book/labs"
LAB_TABLE = "book/_labs/table.md"
ZIPS = "book/_static/zips"  # what is called labs is left out of the book, also below _static

_PARAMETERS_INTRODUCTION = """\
# Parameters

These are the parameters of each chapter as its first code cell declares them, with the values that the
profile `quick` has; in brackets stands what other profiles change. `compendium params CHAPTER` prints the
same, and {doc}`how-to-rerun` says how to set them. A list is typed with commas, such as `-p seeds=1,2`.
"""

_PARAMETERS_END = """
## Next steps

- {doc}`how-to-rerun` says what the profiles are for, and has the commands for one run and for many.
- {doc}`how-to-read` says what published and quick runs are.
"""


def pages() -> dict[str, str]:
    """Return the pages that are committed, by path in the checkout."""
    makers = {PARAMETERS: parameters_page, reference.PAGE: reference.page, citation.PAGE: citation.page}
    own = {name: make() for name, make in makers.items() if (project.ROOT / name).exists()}
    table = {LAB_TABLE: lab_table()} if source.names() else {}
    return own | minute_boxes() | ledger_pages() | lab_pages() | table


def parameters_page() -> str:
    """Return the book's page of parameters, in Markdown: one list per chapter."""
    parts = [_PARAMETERS_INTRODUCTION]
    for chapter in project.chapters():
        parts.append(f"\n## [{chapter}](../notebooks/{chapter}.ipynb)\n")
        for name, kind, default, limits, meaning, profiles in chapters.named(chapter).table():
            allowed = f", {limits}" if limits else ""
            changed = f" ({profiles})" if profiles else ""
            parts.append(f"\n`{name}` = `{default}`\n: {kind}{allowed}: {meaning}{changed}\n")
    return "".join([*parts, _PARAMETERS_END])


def ledger_pages() -> dict[str, str]:
    """Return the files made from the claims: their page, and a table for each chapter.

    They are computed where code, published runs or packages have changed since the last time.
    """
    if not (project.ROOT / CLAIMS).exists():
        return {}

    def made() -> dict[str, str]:
        computed = claims.at_hand()
        written = {CLAIMS: ledger.page(computed)}
        for paper in claims.papers():
            own = [one for one in computed if one.claim.paper == paper]
            written[f"book/_claims/{paper}.md"] = ledger.chapter(own)
        return written

    return _kept("claims", made)


def minute_boxes() -> dict[str, str]:
    """Return the boxes "In one minute", filled where code, runs or packages have changed."""
    return _kept("minutes", minutes.pages)


def _kept(name: str, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return what is made from the library and the published runs, made once for each state of these."""
    kept = products.place(name, [*products.inputs("lib"), *products.inputs("results")])
    if not kept.exists():
        write_atomically(kept, json.dumps(make()))
    return json.loads(kept.read_text(encoding="utf-8"))


def lab_pages() -> dict[str, str]:
    """Return the labs as students see them in the book."""
    return {
        f"{LABS}/{lab.name}.ipynb": nbformat.writes(
            editions.page(lab, editions.recorded_outputs(lab), f"../../_static/zips/{lab.name}.zip")
        )
        + "\n"
        for lab in map(source.load, source.names())
    }


def lab_table() -> str:
    """Return a table of the labs, in Markdown, with links as from a page in `book/`."""
    rows = ["| lab | chapter | minutes | points |", "|---|---|--:|--:|"]
    for lab in map(source.load, source.names()):
        linked = f"[{lab.title}](labs/{lab.name})"
        chapter = f"[{lab.chapter}](../notebooks/{lab.chapter})" if lab.chapter else "all"
        rows.append(f"| {lab.number}. {linked} | {chapter} | {lab.minutes} | {lab.points:g} |")
    return "\n".join(rows) + "\n"


def handouts() -> dict[str, bytes]:
    """Return the labs' zip files, which are not committed, by path in the book's source."""
    if not source.names():
        return {}
    required = [project.ROOT / name for name in ("pyproject.toml", "requirements.lock")]
    folder = products.place(
        "handouts",
        [*products.inputs("lib"), *products.inputs("labs"), *products.inputs("results/labs"), *required],
    )
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        wheel = package.wheel(unfinished)
        for lab in map(source.load, source.names()):
            editions.zipped(
                lab,
                editions.recorded_outputs(lab),
                unfinished / f"{lab.name}.zip",
                wheel=wheel,
                requirements=package.requirements(wheel),
            )
        unfinished.rename(folder)
    return {f"{ZIPS}/{path.name}": path.read_bytes() for path in folder.glob("*.zip")}


def solutions(target: Path, report: Callable[[str], None]) -> list[str]:
    """Write the labs' solutions and instructors' notes to a book's source; return the pages' names.

    A solution is run where anything in it has changed since the last time.
    """
    names = []
    for lab in map(source.load, source.names()):
        kept = products.place(
            f"solutions/{lab.name}", [*products.inputs("lib"), source.FOLDER / f"{lab.name}.md"]
        )
        report(f"lab {lab.name}: " + ("unchanged" if kept.exists() else "running its solution"))
        if not kept.exists():
            executed = editions.execute(lab)
            write_atomically(kept, nbformat.writes(executed))
        write_atomically(target / LABS / f"{lab.name}-solution.ipynb", kept.read_bytes())
        write_atomically(target / LABS / f"{lab.name}-instructor.md", editions.instructor(lab))
        names += [f"{LABS}/{lab.name}-solution", f"{LABS}/{lab.name}-instructor"]
    return names
