"""The theme's icons as pictures in the page, in place of a script of 1.5 MB that draws them."""

import re
from functools import cache
from pathlib import Path

import pydata_sphinx_theme
from bs4 import BeautifulSoup

_SCRIPT = (
    Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static/scripts/fontawesome.js"
)
_FAMILIES = {"fa", "fas", "far", "fab", "fa-solid", "fa-regular", "fa-brands"}
_SIZE = re.compile("fa-(lg|sm|xs|fw)")


def draw_icons(soup: BeautifulSoup) -> None:
    """Put a drawing in the place of every `<i class="fa-...">` of a page.

    Raises:
        ValueError: there is no icon of that name.
    """
    for icon in soup.select("i.fa, i.fas, i.far, i.fab, i.fa-solid, i.fa-regular, i.fa-brands"):
        names = [
            name
            for name in icon["class"]
            if name.startswith("fa-") and name not in _FAMILIES and not _SIZE.fullmatch(name)
        ]
        width, height, path = _shape(names[0].removeprefix("fa-"))
        drawing = soup.new_tag(
            "svg", attrs={"viewBox": f"0 0 {width} {height}", "aria-hidden": "true", "focusable": "false"}
        )
        drawing.append(soup.new_tag("path", attrs={"fill": "currentColor", "d": path}))
        drawing["class"] = ["drawn", *(name for name in icon["class"] if name not in _FAMILIES)]
        for name in ("data-mode", "title"):
            if icon.get(name):
                drawing[name] = icon[name]
        icon.replace_with(drawing)


@cache
def _shape(name: str) -> tuple[str, str, str]:
    """Return an icon's width, height and path; the solid one, which comes last, where there are several."""
    pattern = rf'[{{,]"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"'
    found = re.findall(pattern, _script())
    if not found:
        raise ValueError(f"no icon {name} in {_SCRIPT.name}")
    return found[-1]


@cache
def _script() -> str:
    return _SCRIPT.read_text(encoding="utf-8")
