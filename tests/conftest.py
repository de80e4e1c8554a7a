import functools
import os
import signal
import sys

import hypothesis
import pytest

from compendium import book, cli, data
from compendium.errors import CompendiumError
from compendium.site import printed

# behind & an interrupt is ignored, by the processes that tests start too
signal.signal(signal.SIGINT, signal.default_int_handler)
hypothesis.settings.register_profile("without a clock", deadline=None)  # the first example imports packages
hypothesis.settings.load_profile("without a clock")
os.environ["PYTHONIOENCODING"] = "utf-8"  # of the processes that tests start, whose output they read


@functools.cache
def _why_no_cage():
    from compendium.labs import cage

    try:
        cage.require()
    except CompendiumError as fault:
        return str(fault)
    return ""


# what a test marked needs("posix") lacks here, "" if nothing
LACKING = {
    "posix": lambda: "" if os.name == "posix" else "Windows has no such signals, terminals and limits",
    "linux": lambda: "" if sys.platform == "linux" else "only Linux has such files in /proc and /dev",
    "cage": _why_no_cage,
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        (what,) = mark.args
        if reason := LACKING[what]():
            # what continuous integration passes over, nobody tries
            tried = what == "cage" and sys.platform == "linux" and "CI" in os.environ
            (pytest.fail if tried else pytest.skip)(reason)
    for mark in item.iter_markers("real_data"):
        if absent := " ".join(name for name in mark.args if data.state(name) == "absent"):
            pytest.skip(f"absent: {absent}; type: compendium data fetch {absent}")
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)  # a network with other weights in each order of the tests may fail one


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
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    if not printed.browser():
        pytest.skip("no browser: install chromium (on Debian and Ubuntu: apt install chromium)")
    program, *options = printed.browser()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A teacher's desk; see `tiny_course`."""
    import tiny_course

    return tiny_course.desk(tmp_path, monkeypatch)
