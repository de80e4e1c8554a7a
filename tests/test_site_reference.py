"""The page of the library: all that a reader may import is on it, in the words of its docstrings."""

import importlib
import inspect
import re

import pytest
import site_pages
from bs4 import BeautifulSoup

from compendium import project
from compendium.site import reference

PAGE = project.ROOT / reference.PAGE


def test_the_page_is_what_the_source_says():
    assert PAGE.read_text(encoding="utf-8") == reference.page(), (
        "stale: `compendium book --save-outputs` writes it anew"
    )


@pytest.mark.parametrize("name", reference.MODULES)
def test_every_function_and_class_that_a_module_exports_is_on_the_page(name):
    module = importlib.import_module(f"compendium.{name}")
    section = reference.page().split(f"\n## {name}\n")[1].split("\n## ")[0]
    shown = {*re.findall(r"^`{5}\{py:(?:function|class)\} (\w+)", section, re.M)}
    exported = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    meant = {
        n
        for n in exported
        if (inspect.isfunction(one := getattr(module, n)) or inspect.isclass(one))
        and one.__module__.startswith(f"compendium.{name}")
    }
    assert meant
    assert shown == meant


def test_sections_become_lists_and_names_on_the_page_become_links():
    text = (
        "Do `it` for $1.\n\nArgs:\n    one: as in `other`,\n        or more.\n    two: `2 * 3`.\n\n"
        "Returns:\n    A row.\n\nRaises UsageError for others.\n"
    )
    assert reference._prose(text, {"other": "compendium.noise.other"}) == (
        "Do `it` for \\$1.\n\n**Arguments**\n\n"
        "- `one`: as in {py:obj}`other <compendium.noise.other>`, or more.\n- `two`: `2 * 3`.\n\n"
        "**Returns**\n\nA row.\n\nRaises UsageError for others."
    )


def test_a_reader_finds_a_function_by_its_address_and_its_types_are_shown(html):
    soup = BeautifulSoup(site_pages.rendered(PAGE).read_bytes(), "html.parser")
    signature = soup.select_one('dt[id="compendium.metrics.ssim"]')
    assert "reference: np.ndarray" in " ".join(signature.text.split())
    assert "compendium.metrics.ssim" in (html / "genindex.html").read_text(encoding="utf-8")
    assert "scikit-image" in signature.find_next_sibling("dd").text
