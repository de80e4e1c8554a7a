"""A Sphinx extension: links to the glossary, and the role {claim}`S2-22`, which links to the ledger.

The first use of each term on a page is linked when the pages are made, so that the sources stay readable
where they are not rendered, and the first use is the first one after any edit.
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from compendium.claims.ledger import identifiers

GLOSSARY, LEDGER = "book/glossary", "book/claims"
WITHOUT = {GLOSSARY, LEDGER, "book/bibliography", "book/library", "book/parameters"}  # lists, not prose
EVERYDAY = {"batch", "code", "loss", "stride"}  # words that mean other things, too
NOT_IN = (
    nodes.title,
    nodes.reference,
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.term,
    nodes.caption,
)
NOT_IN_CLASSES = {"cell_output", "dropdown", "exercise", "sd-card", "reading-time"}


def entries(glossary: nodes.document) -> Iterator[tuple[list[str], str]]:
    """Yield the terms of each entry of the glossary, and the anchor of the first."""
    for item in glossary.findall(nodes.definition_list_item):
        terms = [child for child in item.children if isinstance(child, nodes.term)]
        yield [term.astext() for term in terms], terms[0]["ids"][0]


def pattern(term: str) -> str:
    """Return the expression that finds a term in text, also in plural, acronyms as they are."""
    escaped = re.escape(term)
    if not term.isupper() and term[0].islower():
        escaped = f"[{term[0]}{term[0].upper()}]{re.escape(term[1:])}"
    return rf"(?<![\w-]){escaped}(?:s|es)?(?![\w-])"


def link_terms(app: Sphinx, document: nodes.document, name: str) -> None:
    """Make the first use of each term on a page a link to its entry."""
    if app.builder.format != "html" or name in WITHOUT or GLOSSARY not in app.env.found_docs:
        return
    places = {
        pattern(term): anchor
        for terms, anchor in _vocabulary(app.env)
        for term in terms
        if term not in EVERYDAY
    }
    longest_first = sorted(places, key=len, reverse=True)
    anywhere = re.compile("|".join(longest_first))
    uri = app.builder.get_relative_uri(name, GLOSSARY)
    seen: set[str] = set()
    for text in list(document.findall(nodes.Text)):
        if not _in_prose(text):
            continue
        pieces, end = [], 0
        for hit in anywhere.finditer(text):
            anchor = next(places[one] for one in longest_first if re.fullmatch(one, hit[0]))
            if anchor not in seen:
                seen.add(anchor)
                link = nodes.reference("", hit[0], internal=True, refuri=f"{uri}#{anchor}", classes=["term"])
                pieces += [nodes.Text(text[end : hit.start()]), link]
                end = hit.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def claim_role(role: str, raw: str, text: str, line: int, inliner: object, *_: object) -> tuple[list, list]:
    """The role of a claim's number: a link to its row in the ledger; a complaint where there is none."""
    if text not in identifiers():
        return [], [inliner.reporter.error(f"no claim {text}; `compendium claims` lists them", line=line)]
    env = inliner.document.settings.env
    uri = "../" * env.docname.count("/") + f"{LEDGER}.html#{text}"
    return [nodes.reference(raw, text, internal=True, refuri=uri, classes=["claim"])], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_role("claim", claim_role)
    app.connect("doctree-resolved", link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _in_prose(text: nodes.Text) -> bool:
    node, paragraph = text.parent, False
    while node is not None:
        if isinstance(node, NOT_IN) or set(node.get("classes", [])) & NOT_IN_CLASSES:
            return False
        paragraph = paragraph or isinstance(node, nodes.paragraph)
        node = node.parent
    return paragraph


def _vocabulary(env: BuildEnvironment) -> list[tuple[list[str], str]]:
    if not hasattr(env, "compendium_vocabulary"):
        env.compendium_vocabulary = [(terms, anchor) for terms, anchor in entries(env.get_doctree(GLOSSARY))]
    return env.compendium_vocabulary
