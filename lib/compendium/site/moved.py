"""Anchors that a page once had: a link to one leads to what answers the same question now (`moved.yml`).

A Sphinx extension.
"""

from functools import cache
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.application import Sphinx


@cache
def anchors() -> dict[str, dict[str, str]]:
    """Return for each page, by its name, the present anchor for each former one."""
    return yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


def _add(_: Sphinx, document: nodes.document, name: str) -> None:
    former: dict[str, list[str]] = {}
    for old, present in anchors().get(name, {}).items():
        former.setdefault(present, []).append(old)
    for node in document.findall(nodes.Element):
        for present in [*node.get("ids", [])]:
            node["ids"] += former.pop(present, [])


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", _add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
