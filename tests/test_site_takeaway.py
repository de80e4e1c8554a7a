import re
import unicodedata
import zipfile

import nbformat
import pytest
import site_pages
from bs4 import BeautifulSoup
from pypdf import PdfReader
from tiny_book import compiled
from tiny_notebooks import write_notebook

from compendium import book, project
from compendium.errors import CompendiumError
from compendium.site import printed, takeaway


def menu(page):
    """What a rendered page offers: addresses by text."""
    soup = BeautifulSoup(page.read_bytes(), "html.parser")
    links = soup.select(".dropdown-take-away-buttons a, .dropdown-launch-buttons a")
    return {link.text.strip(): link["href"] for link in links}


@pytest.mark.parametrize("chapter", project.chapters())
def test_a_chapter_offers_its_notebook_with_and_without_outputs_and_its_records(html, chapter):
    page = html / "notebooks" / f"{chapter}.html"
    offered = menu(page)
    executed = nbformat.read(page.parent / offered["Executed notebook"], 4)
    plain = nbformat.read(page.parent / offered["Notebook without outputs"], 4)
    assert any(cell.get("outputs") for cell in executed.cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in plain.cells)
    committed = nbformat.read(project.chapter_path(chapter), 4)
    assert [cell.source for cell in plain.cells] == [cell.source for cell in committed.cells]
    recorded = {path.parent.name: path for path in (project.RESULTS / chapter).glob("*/record.json")}
    assert recorded
    for profile, path in recorded.items():
        assert (page.parent / offered[f"Record of the {profile} run"]).read_bytes() == path.read_bytes()


def test_every_page_offers_the_whole_book_and_how_to_cite_it(html):
    for document in book.documents():
        page = site_pages.rendered(document)
        offered = menu(page)
        assert (page.parent / offered["Whole book, to read offline"]).is_file(), page
        cite, _, entry = offered["Cite this page"].partition("#")
        target = page.parent / cite if cite else page
        assert not entry or f'id="{entry}"' in target.read_text(encoding="utf-8"), page


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_menu_opens_below_its_button_and_closes(chromium, html, width, scripts):
    context = chromium.new_context(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    page = context.new_page()
    page.goto((html / "notebooks" / "tuning.html").as_uri())
    button, offered = page.get_by_role("button", name="Take away"), page.locator("#menu-0")
    button.hover()
    assert offered.is_hidden()
    button.click()
    box, above = offered.bounding_box(), button.bounding_box()
    assert box["y"] >= above["y"] + above["height"] - 1
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert offered.get_by_role("link", name="Executed notebook").is_visible()
    assert offered.get_by_role("button", name="Print this page").is_visible() == scripts
    page.keyboard.press("Escape")
    assert offered.is_hidden()
    button.press("Enter")
    assert offered.is_visible()
    page.mouse.click(5, 700)  # elsewhere
    assert offered.is_hidden()
    context.close()


def test_each_chapter_has_an_entry_with_its_title(html):
    text = BeautifulSoup((html / "book" / "cite.html").read_bytes(), "html.parser").text
    for chapter in project.chapters():
        title = nbformat.read(project.chapter_path(chapter), 4).cells[0].source.splitlines()[0].lstrip("# ")
        assert re.search(rf"@incollection{{{chapter},\s+title = {{{re.escape(title)}}},", text)


def test_the_archive_holds_every_page_and_is_the_same_for_the_same_pages(html, tmp_path):
    with zipfile.ZipFile(html / takeaway.ARCHIVE) as whole:
        inside = set(whole.namelist())
    for document in book.documents():
        name = document.relative_to(project.ROOT).with_suffix(".html").as_posix()
        assert f"denoising-compendium/{name}" in inside
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("<p>1", encoding="utf-8")
    first = takeaway.archive(tmp_path / "html").read_bytes()
    assert takeaway.archive(tmp_path / "html").read_bytes() == first  # which does not hold itself
    (tmp_path / "html" / "index.html").write_text("<p>2", encoding="utf-8")
    assert takeaway.archive(tmp_path / "html").read_bytes() != first


@pytest.mark.skipif(not printed.browser(), reason="no browser to print with")
@pytest.mark.thorough
def test_the_pdf_holds_every_page_with_its_formulas_and_pictures(html):
    reader = PdfReader(html / printed.PDF)
    text = unicodedata.normalize("NFKC", "\n".join(page.extract_text() for page in reader.pages))  # ligatures
    squeezed = re.sub(r"\s", "", text)
    for document in book.documents():
        page = site_pages.rendered(document)
        heading = BeautifulSoup(page.read_bytes(), "html.parser").h1.text.rstrip("#")
        assert re.sub(r"\s", "", heading) in squeezed, document
    assert "\\(" not in text  # a formula that was not set
    pictures = sum(len(page.images) for page in reader.pages)
    figures = sum(
        page.read_text(encoding="utf-8").count("<figure") for page in (html / "notebooks").glob("*.html")
    )
    assert pictures >= figures > 0
    assert len(reader.outline) > 10


def test_links_of_the_one_page_lead_inside_it(tmp_path):
    (tmp_path / "a").mkdir()
    body = "<head><link href='../s.css'></head><body><article class='bd-article'>{}</article></body>"
    links = "<a href='#top'>x</a><a href='b.html#end'>y</a><a href='b.html'>z</a>"
    one = f"<h1 id='top'>One</h1>{links}<img src='../i.png'>"
    two = "<h1 id='top'>Two</h1><p id='end'></p><a href='https://example.org/b.html'></a><details></details>"
    (tmp_path / "a" / "one.html").write_text(body.format(one), encoding="utf-8")
    (tmp_path / "a" / "b.html").write_text(body.format(two), encoding="utf-8")
    soup = BeautifulSoup(printed.one_page(tmp_path, ["a/one", "a/b"]), "html.parser")
    assert [link["href"] for link in soup.select("a")] == [
        "#a-one--top",
        "#a-b--end",
        "#a-b--",
        "https://example.org/b.html",
    ]
    identifiers = [part["id"] for part in soup.select("[id]")]
    assert len(identifiers) == len(set(identifiers))
    assert {"a-one--top", "a-b--end", "a-b--", "a-b--top"} <= set(identifiers)
    assert (soup.img["src"], soup.link["href"]) == ("i.png", "s.css")
    assert soup.details.has_attr("open")


def test_without_a_browser_printing_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(printed, "browser", list)
    with pytest.raises(CompendiumError, match="install Chromium, Chrome or Edge"):
        printed.pdf(tmp_path, [])


@pytest.mark.parametrize(
    ("system", "place"),
    [
        ("darwin", "Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
        ("darwin", "Playwright/chromium-1200/chrome-mac-arm64/Chrome.app/Contents/MacOS/Chrome"),
        ("win32", "Programs/Microsoft/Edge/Application/msedge.exe"),
        ("win32", "Playwright/chromium-1200/chrome-win64/chrome.exe"),
        ("linux", "Playwright/chromium-1200/chrome-linux/chrome"),
    ],
)
def test_a_browser_is_found_where_systems_keep_it_and_without_one_there_is_none(
    tmp_path, monkeypatch, system, place
):
    for name in ("PATH", "PROGRAMFILES", "PROGRAMFILES(X86)"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Programs"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "Playwright"))
    monkeypatch.setattr(printed.sys, "platform", system)
    if not printed.browser():  # macOS itself may have one in /Applications
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
        assert printed.browser()[0] == str(tmp_path / place)


@pytest.mark.parametrize("url", ["", "https://github.com/someone/compendium"])
def test_a_notebook_opens_in_binder_and_colab_once_the_repository_is_named(tmp_path, url):
    write_notebook(tmp_path / "book" / "chapter.ipynb", "1")
    write_notebook(tmp_path / "book" / "labs" / "lab.ipynb", "1")
    rerun = {"book/how-to-rerun.md": "# Re-run\n\n## In Binder or Colab\n"}
    pages = {"book/index.md": "# Small\n", "book/chapter.ipynb": "", "book/labs/lab.ipynb": "", **rerun}
    html = compiled(tmp_path, pages, repository={"url": url})
    offered = menu(html / "book" / "chapter.html")
    if url:
        colab = "https://colab.research.google.com/github/someone/compendium/blob/main/book/chapter.ipynb"
        assert offered["Colab"] == colab
        binder = "https://mybinder.org/v2/gh/someone/compendium/main?urlpath=lab/tree/book/chapter.ipynb"
        assert offered["Binder"] == binder
        page, _, heading = offered["What Colab needs first"].partition("#")
        needs = BeautifulSoup((html / "book" / page).read_bytes(), "html.parser")
        assert needs.select_one(f"section#{heading}")
        assert not {"Colab", "Binder"} & {*menu(html / "book" / "labs" / "lab.html")}
    else:
        assert not {"Colab", "Binder"} & {*offered}
