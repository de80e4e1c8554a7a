import os
import sys

import pytest
from playwright.sync_api import sync_playwright

from compendium import book, cli
from compendium.site import printed

os.environ["PYTHONIOENCODING"] = "utf-8"  # of the processes that tests start, whose output they read


def _page(folder, chapter):
    (folder / f"{chapter}.html").write_text("<h1>A run</h1>", encoding="utf-8")


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `compendium` with arguments: gives exit status, standard output and standard error.

    Runs get a page that says nothing; `test_own_page` makes real ones.
    """
    monkeypatch.setattr("compendium.site.own_page.write", _page)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["compendium", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def html():
    """The folder of the rendered pages."""
    assert book.HTML.exists(), "no rendered pages: run `compendium book` first"
    return book.HTML


@pytest.fixture(scope="module")
def chromium():
    """A real Chromium or Chrome without a window, as Playwright's `Browser`."""
    if not printed.browser():
        pytest.skip("no browser: install chromium (on Debian and Ubuntu: apt install chromium)")
    program, *options = printed.browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()
