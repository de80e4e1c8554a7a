"""The boxes "In one minute": a template a page, filled with numbers of the published runs.

A template is `in_one_minute/<page>.md`; `quotes` says how it names a number. The page includes what is made
of it.
"""

from pathlib import Path

from compendium import project

TEMPLATES = Path(__file__).parent / "in_one_minute"
FOLDER = "book/_minutes"


def pages() -> dict[str, str]:
    """Return the boxes as Markdown, by path in the checkout: none where the book has no such folder.

    Raises CompendiumError where a template names a number that no record has.
    """
    if not (project.ROOT / FOLDER).exists():
        return {}
    return {f"{FOLDER}/{path.name}": box(path) for path in sorted(TEMPLATES.glob("*.md"))}


def box(template: Path) -> str:
    """Return the box of one template, filled."""
    from compendium.site import quotes  # brings SciPy; a build that finds all boxes made does without

    return boxed(quotes.fill(template.read_text(encoding="utf-8"), quotes.published(template.stem)))


def boxed(text: str) -> str:
    """Return a filled template as an admonition, a sentence or two a paragraph."""
    paragraphs = "\n\n".join(text.strip().splitlines())
    return f"```{{admonition}} In one minute\n:class: minute\n\n{paragraphs}\n```\n"
