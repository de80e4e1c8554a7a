"""The page that says how to cite the book, with an entry for each page that presents results."""

from importlib.metadata import version

import nbformat
import yaml

from compendium import project

PAGE = "book/cite.md"

_INTRODUCTION = """\
# Cite this book

Cite the papers themselves for what is theirs; {doc}`bibliography` lists them. A number from this book is
identified by its chapter, the profile of the run (`quick`, `cpu` or `paper`) and the commit, which stand in
the record at the chapter's foot.

## The book

"""

_END = """
## Next steps

- {doc}`bibliography` lists the five documents, and what else is cited here.
- {doc}`claims` has each claim of the five documents with its verdict.
"""


def page() -> str:
    """Return the page, in Markdown, made from CITATION.cff, `_config.yml` and the chapters' titles."""
    cited = yaml.safe_load((project.ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    fields = {
        "author": f"{{{' and '.join(author['name'] for author in cited['authors'])}}}",
        "year": yaml.safe_load((project.ROOT / "_config.yml").read_text(encoding="utf-8"))["copyright"],
        "version": version("compendium"),
    }
    parts = [_INTRODUCTION, _entry("book", "compendium", {"title": cited["title"]} | fields)]
    for chapter in project.chapters():
        title = _title(chapter)
        inside = {"title": title, "booktitle": cited["title"]} | fields
        parts += [f"\n(cite-{chapter})=\n## {title}\n\n", _entry("incollection", chapter, inside)]
    return "".join([*parts, _END])


def _title(chapter: str) -> str:
    heading = nbformat.read(project.chapter_path(chapter), 4).cells[0].source.splitlines()[0]
    return heading.removeprefix("# ")


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"```bibtex\n@{kind}{{{key},\n{lines}}}\n```\n"
