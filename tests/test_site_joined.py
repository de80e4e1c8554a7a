"""The joined stylesheet and script: lighter, and the pages look and work as with all the files."""

import io
import re

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from PIL import Image
from tiny_book import compile_pages, compiled

from compendium.site import joined

PAGE = """<html><head>
<link rel="preload" as="script" href="../_static/b.js">
<link rel="stylesheet" href="../_static/styles/a.css?v=1"><link rel="stylesheet" href="../_static/c.css">
<script src="../_static/a.js?v=2" defer></script><script src="../_static/options.js"></script>
<script src="../_static/searchtools.js" defer></script><script src="../_static/b.js" defer></script>
</head><body><p class="lead known" id="top">Red is a word.</p>
<article><script src="../_static/own.js" defer></script></article></body></html>"""

LOOK = """() => [...document.querySelectorAll("body, body :not(pre *)")].map((element) => {
  const parts = ["", "::before", "::after"].map((part) => getComputedStyle(element, part).cssText);
  return `${element.tagName} ${element.id} ${element.className} ${parts.join()}`;
})"""
USE = """(sheets) => Promise.all(sheets.map((sheet) => new Promise((done, failed) => {
  const joined = document.querySelector("link[rel=stylesheet][href*='styles.css']");
  const link = document.createElement("link");
  const href = joined.href.replace("styles.css", sheet);
  joined.before(Object.assign(link, {rel: "stylesheet", href, onload: done, onerror: failed}));
}))).then(() => document.querySelector("link[rel=stylesheet][href*='_static/styles.css']").remove())"""

ARRIVED = """(id) => {
  const top = document.getElementById(id).getBoundingClientRect().top;
  return (top >= 0 && top < 200) || scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
}"""


def rules(css, tmp_path, *, script=""):
    """What is left of a stylesheet for the page above."""
    static = tmp_path / "_static"
    static.mkdir(exist_ok=True)
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    (static / "a.css").write_text(css, encoding="utf-8")
    (static / "a.js").write_text(script, encoding="utf-8")
    joined.write(tmp_path, ["a.css", "a.js"])
    name, *left = (static / joined.STYLES).read_text(encoding="utf-8").splitlines()
    assert name == "/* a.css */"
    return "\n".join(left)


def test_a_page_asks_for_one_stylesheet_and_one_script_besides_its_own():
    soup = BeautifulSoup(PAGE, "html.parser")
    assert not joined.in_use(soup)
    assert joined.use(soup) == ["styles/a.css", "c.css", "a.js", "b.js"]
    assert joined.in_use(soup)
    assert [link["href"] for link in soup.select("link")] == ["../_static/styles.css"]
    assert [script["src"].split("/")[-1] for script in soup.select("script")] == [
        "scripts.js",
        "options.js",
        "searchtools.js",
        "own.js",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        ".lead{color:red}",
        "p > .lead.known:hover::after{color:red}",
        "#top, .missing{color:red}",
        "p:not(.missing){color:red}",
        ":is(.missing, .lead){color:red}",
        "[class*=nowhere]{color:red}",
        ".by-script{color:red}",
        "@media print{.lead{color:red}}",
        "@font-face{font-family:x}",
        "@keyframes turn{from{color:red}}",
    ],
)
def test_a_rule_that_may_apply_stays(tmp_path, rule):
    assert rules(rule, tmp_path, script='element.className = "by-script";') == rule


@pytest.mark.parametrize(
    "rule",
    [
        ".red{color:red}",
        ".lead .missing{color:red}",
        "#bottom{color:red}",
        "@media print{.missing{color:red}}",
    ],
)
def test_a_rule_for_what_no_page_has_goes(tmp_path, rule):
    assert rules(f"/* why */ {rule} p{{margin:0}}", tmp_path) == "p{margin:0}"


def test_files_are_joined_in_order_with_what_they_import_and_their_addresses(tmp_path):
    static = tmp_path / "_static"
    (static / "deep").mkdir(parents=True)
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    (static / "base.css").write_text('p{src:url(a.svg)} .known{src:url("data:x")}', encoding="utf-8")
    (static / "deep" / "a.css").write_text(
        '@charset "utf-8"; @import "../base.css"; #top{src:url(../b.svg)}', encoding="utf-8"
    )
    (static / "c.css").write_text(".lead{src:url('/root.svg')}", encoding="utf-8")
    (static / "a.js").write_text(
        '"use strict"; const one = 1 //# sourceMappingURL=a.js.map', encoding="utf-8"
    )
    (static / "b.js").write_text("(() => one)()", encoding="utf-8")
    joined.write(tmp_path, ["deep/a.css", "c.css", "a.js", "b.js"])
    assert (static / joined.STYLES).read_text(encoding="utf-8").splitlines() == [
        "/* deep/a.css */",
        'p{src:url("a.svg")}',
        '.known{src:url("data:x")}',
        '#top{src:url("b.svg")}',
        "/* c.css */",
        '.lead{src:url("/root.svg")}',
    ]
    assert (static / joined.SCRIPTS).read_text(
        encoding="utf-8"
    ) == ';"use strict"; const one = 1 \n;(() => one)()\n'


def test_pages_of_other_styles_ask_for_another_address(tmp_path):
    page, addresses = tmp_path / "page.html", []
    for css in ("p{margin:0}", "p{margin:1px}", "p{margin:1px}"):
        soup = BeautifulSoup(PAGE, "html.parser")
        joined.use(soup)
        rules(css, tmp_path)
        page.write_text(str(soup), encoding="utf-8")
        joined.write(tmp_path, ["a.css", "a.js"])
        addresses.append(BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").link["href"])
    assert addresses[0].startswith("../_static/styles.css?v=")
    assert addresses[0] != addresses[1] == addresses[2]


def test_a_second_build_leaves_a_page_that_did_not_change_as_it_was(tmp_path):
    folded = "# One\n\n```{admonition} Answer\n:class: dropdown\n42\n```\n"
    own = "\n<script>const toggled = 1;</script>\n\n```{image} dé.png\n:alt: A dot.\n```\n"
    (tmp_path / "book").mkdir()
    Image.new("L", (40, 40)).save(tmp_path / "book" / "dé.png")
    html = compiled(tmp_path, {"book/index.md": "# Small\n", "book/one.md": folded + own})
    before = (html / "book" / "one.html").read_text(encoding="utf-8")
    assert "DOCUMENTATION_OPTIONS = " in before
    assert "const toggled = 1;" in before
    assert "toggleHint" not in before
    assert "kernelName" not in before
    assert "THEBE" not in before
    dot = BeautifulSoup(before, "html.parser").select_one("article img[alt='A dot.']")
    assert (dot["src"], dot["width"]) == ("../_images/d%C3%A9.png", "40")
    (tmp_path / "book" / "index.md").write_text("# Small\n\nMore.\n", encoding="utf-8")
    compile_pages(tmp_path)
    assert "More." in (html / "book" / "index.html").read_text(encoding="utf-8")
    assert "More." in (html / "index.html").read_text(encoding="utf-8")
    assert (html / "book" / "one.html").read_text(encoding="utf-8") == before


# --- the rendered book


def test_the_stylesheet_is_light_and_keeps_the_icons_that_it_names(html):
    styles = (html / "_static" / joined.STYLES).read_text(encoding="utf-8")
    assert len(styles) < 200_000
    font = html / "_static" / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.woff2"
    assert font.stat().st_size < 10_000
    kept = TTFont(io.BytesIO(font.read_bytes())).getBestCmap()
    assert {ord(icon) for icon in "\uf05a\uf0eb\uf071"} <= {*kept}  # note, tip, warning


def test_the_theme_does_not_measure_what_another_script_watches(html):
    script = (html / "_static" / joined.SCRIPTS).read_text(encoding="utf-8")
    assert script.count("""document.querySelectorAll([":not(*)"].join(", ")).forEach(e=>{e.tabIndex=""") == 1


@pytest.mark.parametrize("name", ["book/index", "book/claims", "book/labs/corrupt", "notebooks/tuning"])
@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (390, "light")])
def test_each_element_looks_as_with_all_rules(chromium, html, name, width, theme):
    sheets = re.findall(
        r"^/\* (\S+\.css) \*/$", (html / "_static" / joined.STYLES).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(sheets) > 10
    page = chromium.new_page(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    page.goto((html / f"{name}.html").as_uri())
    page.wait_for_timeout(500)
    ours = page.evaluate(LOOK)
    page.evaluate(USE, sheets)
    page.wait_for_timeout(500)
    theirs = page.evaluate(LOOK)
    page.close()
    assert len(ours) == len(theirs) > 100
    assert [one[:120] for one, other in zip(ours, theirs, strict=True) if one != other] == []


@pytest.mark.parametrize("name", ["book/metrics", "notebooks/salt-pepper-cae"])
def test_on_a_phone_a_link_into_a_page_leads_to_its_place(chromium, html, name):
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    address = (html / f"{name}.html").as_uri()
    page.goto(address)
    anchors = page.evaluate("[...document.querySelectorAll('article section[id]')].map(({id}) => id)")
    for anchor in (anchors[len(anchors) // 2], anchors[-1]):
        page.goto("about:blank")
        page.goto(f"{address}#{anchor}", wait_until="load")
        page.wait_for_function(ARRIVED, arg=anchor, timeout=120_000)
        page.wait_for_timeout(300)  # what is laid out late does not move it away for good
        page.wait_for_function(ARRIVED, arg=anchor, timeout=120_000)
    page.close()
