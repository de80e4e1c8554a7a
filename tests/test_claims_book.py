"""The ledger in the book: its pages, and a paper that is added."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell
from tiny_notebooks import notebook_of

from compendium import claims, generated, project
from compendium.claims import drawn, pages
from compendium.claims.evaluation import Verdict
from compendium.claims.ledger import Claim
from compendium.claims.rules import FAILS, MARGINS, Found, Order, Printed

ROW = {"location": "2", "section": "training"}
SIXTH = [
    ROW
    | {"id": "S6-01", "claim": "The error is 1.5.", "kind": "training", "rank": "headline", "label": "error"}
    | {"value": 1.5, "measure": "MSE", "check": {"recorded": {"quantity": "MSE"}}},
    ROW
    | {"id": "S6-02", "claim": "An image has 785 pixels.", "kind": "arithmetic", "rank": "detail"}
    | {"value": 785, "check": {"pixels": {"side": 28}}},
]
SIXTH_CHECKS = '''\
"""Checks of a sixth paper."""

from compendium.claims.checks import Case, check
from compendium.claims.rules import Found


@check("arithmetic")
def pixels(case: Case, *, side: int) -> Found:
    """Pixels of a square image."""
    return Found(side**2, f"{side} x {side}")
'''
TRAINING = """\
import json, os, pathlib
record = {"chapter": "sixth", "profile": "cpu", "parameters": {"epochs": epochs}, "curves": []}
record["metrics"] = [{"quantity": "MSE", "seed": seed, "value": seed / epochs} for seed in (1, 2)]
pathlib.Path(os.environ["COMPENDIUM_RUN"], "record.json").write_text(json.dumps(record))"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the claims file, the notebook and the functions of one more paper, and no other."""
    shutil.copytree(project.ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    ledger = tmp_path / "lib" / "compendium" / "claims"
    for path in ledger.glob("*.yml"):
        path.unlink()
    (ledger / "sixth.yml").write_text(yaml.safe_dump(SIXTH), encoding="utf-8")
    (ledger / "sixth.py").write_text(SIXTH_CHECKS, encoding="utf-8")
    include = "## What is left of the claims\n\n```{include} ../book/_claims/sixth.md\n```"
    notebook = notebook_of(TRAINING, parameters="epochs: int = 1  # passes, 1 or more")
    notebook.cells.insert(2, new_markdown_cell("## Training"))
    notebook.cells.append(new_markdown_cell(f"{include}\n\n## The record of this run"))
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "sixth.ipynb")
    (tmp_path / "notebooks" / "profiles.yml").write_text("quick: {}\ncpu: {}\n", encoding="utf-8")
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/how-to-read\n"
        "parts: [{caption: Part, chapters: "
        "[{file: notebooks/sixth}, {file: book/claims}, {file: book/stories}]}]\n",
        encoding="utf-8",
    )
    (tmp_path / "_config.yml").write_text(
        "title: Small\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
        "launch_buttons: {notebook_interface: classic}\nrepository: {url: ''}\n"
        "sphinx: {config: {html_static_path: [book/_static], numfig: true}}\n",
        encoding="utf-8",
    )
    shutil.copytree(project.ROOT / "book" / "_static", tmp_path / "book" / "_static")
    (tmp_path / "book" / "how-to-read.md").write_text("# How to read\n", encoding="utf-8")
    (tmp_path / "book" / "claims.md").write_text("# To be written\n", encoding="utf-8")
    (tmp_path / "book" / "stories.md").write_text("# Findings\n", encoding="utf-8")
    return tmp_path


def compendium(checkout, *arguments):
    """Run the command of a checkout; gives its standard output, and fails where it does."""
    ended = subprocess.run(
        [sys.executable, "-c", "from compendium import cli; cli.main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(checkout / "lib")},
        cwd=checkout,
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_sixth_paper_takes_a_claims_file_and_a_notebook(checkout):
    assert "no published run of sixth" in compendium(checkout, "claims", "S6-01")
    compendium(checkout, "run", "sixth", "--profile", "cpu", "--out", str(checkout / "mine"), "--no-page")
    compendium(checkout, "publish", str(checkout / "mine"))
    assert "S6-02" in compendium(checkout, "claims", "--verdict", "inconsistent")
    compendium(checkout, "book")
    shown = {}
    for name in ("book/claims", "notebooks/sixth"):
        page = BeautifulSoup((checkout / "_build" / "html" / f"{name}.html").read_bytes(), "html.parser")
        shown[name] = [
            (row.a.text, row.a["href"], row.select_one('[data-column="verdict"]').contents[0].strip())
            for row in page.select(".claims tbody tr")
        ]
    headline = ("S6-01", "../notebooks/sixth.html#training", "undecided")
    assert shown["notebooks/sixth"] == [("S6-01", "../book/claims.html#S6-01", "undecided")]
    assert shown["book/claims"] == [
        headline,
        ("S6-02", "../notebooks/sixth.html#training", "inconsistent"),
    ]
    assert page.select_one("#training")


def test_the_committed_pages_are_what_the_ledger_says(html):
    made = generated.ledger_pages()
    assert set(made) == {"book/claims.md"} | {f"book/_claims/{paper}.md" for paper in claims.papers()}
    for name, content in made.items():
        committed = (project.ROOT / name).read_text(encoding="utf-8")
        assert committed == content, f"{name} is stale: `compendium book --save-outputs` writes it anew"


@pytest.fixture
def verdict():
    claim = Claim(
        *("T-1", "test", "It is <b>0.5.", "1", "headline", "training"),
        label="half a dB",
        value=0.5,
        unit="dB",
        measure="PSNR",
        section="here",
        differs="one & two",
        would_change="more seeds",
    )
    return Verdict(claim, Found("a\n\nb", "from & by", runs=[1.0, 2.5]), FAILS, "the rule")


def test_a_row_is_text_on_one_line(verdict):
    row = BeautifulSoup(pages._row(verdict, full=True), "html.parser").tr
    assert "\n" not in str(row)
    assert [[*cell.stripped_strings] for cell in row.select("td")] == [
        ["T-1"],
        ["It is <b>0.5.", "1"],
        ["0.5 dB"],
        ["a b (2 runs: 1 to 2.5)", "from & by", "Conditions", "one & two"],
        ["not reproduced", "the rule", "To change it", "more seeds"],
    ]


def headline(verdict, **found):
    one = replace(verdict, found=Found(**found))
    return BeautifulSoup(pages._headline(one), "html.parser").li


def test_a_headline_has_its_mark_in_words_and_its_interval_drawn(verdict):
    item = headline(verdict, ours=0.6, runs=[0.5, 0.6, 0.7])
    assert item.a.text == "half a dB"
    assert item.select_one(".verdict").text == "✗"
    assert [one.text for one in item.select("small")] == ["0.5 dB → 0.6", "not reproduced"]
    assert item.svg["aria-label"].startswith(
        "ours 0.6, 95 % interval 0.3516 to 0.8484; the margin round 0.5 is"
    )
    low, mean, high = (float(item.svg.select_one(f"{name}")[place]) for name, place in LINE)
    assert drawn.WIDTH / 2 < mean < drawn.WIDTH
    assert low < mean < high


LINE = (("line.interval", "x1"), ("circle", "cx"), ("line.interval", "x2"))


def test_what_is_far_off_is_drawn_as_an_arrow_at_the_edge(verdict):
    item = headline(verdict, ours=9.0, runs=[8.9, 9.0, 9.1])
    assert item.svg.path
    assert not item.svg.circle


def test_of_orders_the_least_sure_is_drawn(verdict):
    sure = Order("a minus b", -2.0, -2.1, -1.9, 3, 3, 0.001, 0.999)
    unsure = Order("b minus c", -1.0, -3.0, 1.0, 2, 3, 0.2, 0.8)
    item = headline(verdict, ours="two", orders=[sure, unsure])
    assert item.svg["aria-label"].startswith("b minus c: -1 (-3 to 1, lower in 2 of 3 pairs)")
    assert "of 2 orders the least sure" in item.svg["aria-label"]


def test_kinds_of_evidence_are_counted_apart(verdict):
    other = replace(verdict, claim=replace(verdict.claim, id="T-2", kind="built", measure=None))
    page = BeautifulSoup(pages.page([verdict, other]), "html.parser")
    said = {one["id"]: one.summary.text for one in page.select("details.kind")}
    assert "1 not reproduced." in said["kind-training"]
    assert "1 not as printed." in said["kind-built"]
    assert [row["id"] for row in page.select("#kind-training .claims tbody tr")] == ["T-1"]


def test_every_margin_is_on_the_page_with_its_reason(verdict):
    page = pages.page([verdict])
    assert all(f"| {name} |" in page and margin.reason in page for name, margin in MARGINS.items())


@pytest.mark.parametrize(
    ("ours", "runs", "unit", "shown"),
    [
        (95.3, [94.94, 95.55], "%", "95.30 % (2 runs: 94.94 to 95.55)"),
        (0.12345678, (), "SSIM", "0.1235"),
        (0.114709, [0.114709, 0.114709], "SSIM", "0.1147 (2 runs: all the same)"),
        (1.0e-8, [1.0e-8, 2.5e-8], "", "1e-08 (2 runs: 1e-08 to 2.5e-08)"),
        (1745.3, [1690, 1839], "images", "1,745 images (2 runs: 1,690 to 1,839)"),
        ([0.3251, 0.683], (), "dB", "0.3251, 0.6830 dB"),
        ({"output": 50176, "layers": [1, 2]}, (), "", "output 50,176; layers 1, 2"),
        ("image 8551 of 10000", (), "dB", "image 8551 of 10000"),
        (8551, (), "CIFAR-10 test index", "8551"),
        (True, (), "", "yes"),
    ],
)
def test_what_we_found_has_its_unit_thousands_and_equally_many_decimals(verdict, ours, runs, unit, shown):
    claim, found = replace(verdict.claim, unit=unit), Found(ours, "", runs=runs)
    assert pages._computed(replace(verdict, claim=claim, found=found)) == shown


@pytest.mark.parametrize(
    ("printed", "ours", "runs", "shown"),
    [
        ("0.114709", 0.1147094, (), "0.114709 %"),
        ("18.2", 7.84, [7.56, 7.99], "7.84 % (2 runs: 7.56 to 7.99)"),
        ("14.6", 6.7868, (), "6.79 %"),
        ("0.0095", 0.00969416, (), "0.00969 %"),
        ("0.3939", 0.45998, (), "0.4600 %"),
        ("0.001", 0.001, (), "0.001 %"),
        ("0.5", 0.00123, (), "0.00123 %"),
        ("12.76", 12.7551, (), "12.76 %"),
        ("500", 80, (), "80 %"),
        ("34", 33.7, (), "33.7 %"),
        ("38417", 46433.3, (), "46,433 %"),
        ("1.0e-08", 1e-8, (), "1e-08 %"),
    ],
)
def test_a_finding_has_the_decimals_that_are_printed_and_three_digits(verdict, printed, ours, runs, shown):
    claim, found = replace(verdict.claim, value=Printed(printed), unit="%"), Found(ours, "", runs=runs)
    assert pages._computed(replace(verdict, claim=claim, found=found)) == shown


def test_formulas_and_fractions_are_shown_as_in_print(verdict):
    claim = replace(verdict.claim, claim="σ_xy is r", value=Printed("0.95"), unit="fraction")
    row = BeautifulSoup(pages._row(replace(verdict, claim=claim), full=True), "html.parser").tr
    assert row.sub.text == "xy"
    assert row.select_one('[data-column="paper"]').text == "0.95"
