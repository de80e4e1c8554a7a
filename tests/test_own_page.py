"""A run's own page: compiled like the book's, one file; what it says of this run and the published one."""

import json
import shutil

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from tiny_notebooks import notebook_of

from compendium import products, project
from compendium.errors import CompendiumError
from compendium.site import beside, own_page, this_run

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
DECLARED = """\
epochs: int = 2  # passes, 1 or more
seed: int = 1  # of weights, 0 or more
dataset: str = "photos"  # data"""


def record(**changed):
    """A record of a tiny chapter, in the second form."""
    rows = [("CAE", "30 %", 0.02), ("black image", "30 %", 0.04), ("CAE", "90 %", 0.06)]
    made = {
        "form": 2,
        "chapter": "tiny-run",
        "profile": "quick",
        "parameters": {"epochs": 2, "seed": 1, "dataset": "photos"},
        "data": [{"name": "photos", "images": 4000, "sha256": "0", "notes": []}],
        "device": "tensorflow on cpu:0",
        "training_seconds": 12.0,
        "wall_seconds": 150.0,
        "metrics": [
            {"quantity": "MSE", "method": method, "level": level, "value": value}
            for method, level, value in rows
        ],
        "curves": [],
    }
    return made | changed


def collapsed(**changed):
    """One outcome of a training."""
    made = {"method": "CAE", "level": "90 %", "seed": 1, "outcome": "collapsed", "epoch": None}
    return made | {"quantity": "MSE", "value": 0.06, "predictor": "mean image", "limit": 0.05} | changed


PUBLISHED = record(
    profile="cpu",
    parameters={"epochs": 80, "seed": 1, "dataset": "cifar10"},
    metrics=[
        {"quantity": "MSE", "method": "CAE", "level": "30 %", "value": 0.01},
        {"quantity": "MSE", "method": "CAE", "level": "60 %", "value": 0.03},
    ],
)
QUOTED = """\
The network has {MSE|CAE|30 % -> .4f} at 30 % and {MSE|CAE|60 % -> .2f} at 60 %, after {@epochs -> d} passes.
That is {MSE|CAE|60 % ÷ MSE|CAE|30 % -> 2.5..3.5 three times} as much.
"""
PROSE = """\
## Results

It works ({claim}`S1-03`). The network has 0.0100 ({claim}`S1-04`) at 30 % and 0.03 at 60 %, after
80 passes. {numref}`fig-left-out` follows {eq}`eq-elsewhere` of {doc}`../book/elsewhere`, as the
trivial predictor of {doc}`../book/gone`.
"""
WORK = "@misc{one, title={The one work}, author={A. B.}, year=2025}"
GLOSSARY = "# Glossary\n\n```{glossary}\ntrivial predictor\n  It does not look.\n```\n"
ELSEWHERE = "# Elsewhere\n\nText.\n\n```{math}\n:label: eq-elsewhere\nx = 1\n```\n"
FIGURE = {"figure": {"caption": "Curves.", "name": "fig-curves"}, "image": {"alt": "Curves."}}
LEFT_OUT = {"figure": {"caption": "Codes.", "name": "fig-left-out"}, "image": {"alt": "Codes."}}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A checkout with one tiny chapter, the second of its book, and its published run."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(project.ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(project.ROOT / "_config.yml", root)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n- caption: All\n  numbered: 1\n  chapters:\n"
        + "".join(f"  - file: {name}\n" for name in ("book/elsewhere", "notebooks/tiny-run", "book/gone"))
        + "- caption: Rest\n  chapters:\n  - file: book/glossary\n",
        encoding="utf-8",
    )
    (root / "book" / "elsewhere.md").write_text(ELSEWHERE, encoding="utf-8")
    (root / "book" / "gone.md").write_text("# Gone\n", encoding="utf-8")
    (root / "book" / "index.md").write_text("# Book\n", encoding="utf-8")
    (root / "book" / "glossary.md").write_text(
        "# Glossary\n\n```{glossary}\ntrivial predictor\n  It does not look.\n```\n", encoding="utf-8"
    )
    (root / "book" / "references.bib").write_text(
        "@misc{one, title={The one work}, author={A. B.}, year=2025}", encoding="utf-8"
    )
    (root / "book" / "_quoted").mkdir()
    (root / "book" / "_quoted" / "tiny-run.txt").write_text(QUOTED, encoding="utf-8")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "profiles.yml").write_text("quick: {}\ncpu: {}\n", encoding="utf-8")
    nbformat.write(notebook_of(parameters=DECLARED), root / "notebooks" / "tiny-run.ipynb")
    published = root / "results" / "tiny-run" / "cpu"
    published.mkdir(parents=True)
    (published / "record.json").write_text(json.dumps(PUBLISHED), encoding="utf-8")
    html = root / "_build" / "html" / "book"
    html.mkdir(parents=True)
    for name in ("elsewhere", "glossary"):
        (html / f"{name}.html").write_text("<h1>Built</h1>", encoding="utf-8")
    return root


@pytest.fixture(scope="module", autouse=True)
def here(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "ROOT", root)
        patch.setattr(project, "NOTEBOOKS", root / "notebooks")
        patch.setattr(project, "RESULTS", root / "results")
        patch.setattr(products, "PAGES", root / "_build" / "html")
        yield


def a_run(folder, **changed):
    """The folder of a run whose part "codes" was left out."""
    about = {"image/png": {project.METADATA: json.dumps({"panels": []})}}
    picture = new_output("display_data", {"image/png": PIXEL}, metadata=about)
    cells = [
        new_markdown_cell(PROSE),
        new_code_cell("plot()", metadata={"mystnb": FIGURE}, outputs=[picture]),
        new_code_cell("codes()", metadata={"mystnb": LEFT_OUT, "tags": ["part:codes"]}),
        new_markdown_cell("## Try it\n\n:::{div} play play-tiny-run\nThis needs JavaScript.\n:::"),
        new_markdown_cell("A work says so {cite:p}`one`, in $x^2$."),
    ]
    folder.mkdir(parents=True)
    nbformat.write(notebook_of(*cells, parameters=DECLARED), folder / "tiny-run.ipynb")
    own = record(outcomes=[collapsed()], parts={"codes": "left out"}, **changed)
    (folder / "record.json").write_text(json.dumps(own), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(root):
    """The path of a run's page in the checkout."""
    return own_page.write(a_run(root / "runs" / "tiny-run" / "key"), "tiny-run")


@pytest.fixture(scope="module")
def soup(page):
    return BeautifulSoup(page.read_bytes(), "html.parser")


def text_of(element):
    return " ".join(element.get_text(" ").split())


# --- a page of the book, in one file


def test_the_page_is_one_file_beside_the_notebook(page):
    assert {path.name for path in page.parent.iterdir()} == {"tiny-run.ipynb", "record.json", "tiny-run.html"}


def test_captions_and_numbers_are_the_book_s(soup):
    captions = [text_of(caption) for caption in soup.select("article figcaption")]
    assert [caption.split(".")[:2] for caption in captions] == [["Fig", " 2"], ["Fig", " 2"]]
    assert captions[0].startswith("Fig. 2.1 Curves.")
    assert soup.select_one("h1").text.startswith("2.")
    assert "Fig. 2.2" in text_of(soup.select_one(".published, article"))
    assert "(1.1)" in text_of(soup.select_one("article"))  # of the other page's formula
    assert soup.select("math")


def test_a_picture_keeps_what_a_pointer_may_ask_of_it(soup):
    picture = soup.select_one("figure img")
    assert picture["src"] == f"data:image/png;base64,{PIXEL}"
    told = next(script.text for script in soup.select("script") if "compendiumFigures" in script.text)
    assert picture["data-figure"] in told


def test_links_lead_to_the_built_book_and_are_text_elsewhere(soup):
    found = {text_of(link): link["href"] for link in soup.select("article a[href]")}
    assert found["Elsewhere"] == "../../../_build/html/book/elsewhere.html"
    assert found["trivial predictor"].startswith("../../../_build/html/book/glossary.html#")
    assert "Gone" in text_of(soup.select_one("article"))
    assert "Gone" not in found
    assert found["executed notebook"] == "tiny-run.ipynb"
    assert found["record"] == "record.json"


def test_a_term_says_what_it_is(soup):
    (term,) = soup.select("a.term")
    assert "It does not look." in term["data-tip"]


def test_a_run_outside_of_the_checkout_finds_the_book(root, tmp_path):
    address = own_page._target("book/elsewhere.html#there", tmp_path, "tiny-run")
    assert address == (root / "_build" / "html" / "book" / "elsewhere.html").as_uri() + "#there"


def test_works_cited_stand_at_the_end(soup):
    assert "The one work" in text_of(soup.select_one("#references"))


def test_what_needs_the_whole_book_is_gone(soup):
    assert not soup.select(".play, .search-button, #pst-primary-sidebar, .prev-next-area")
    assert not soup.select("link[rel=search], link[rel=next], link[rel=prev]")


def test_what_was_left_out_is_said_where_it_would_stand(soup):
    alternative = soup.select_one("#fig-left-out img")["alt"]
    assert alternative == "Not in this run: the part codes was left out."


def test_remarks_about_the_chapter_s_own_code_are_left_out_and_others_stay():
    remarks = [
        "WARNING:tensorflow:5 out of the last 13 calls triggered tf.function retracing.\n",
        "/tmp/ipykernel_96/97.py:11: RuntimeWarning: invalid value\n  return points / radius\n",
    ]
    kept = "/home/me/mine.py:3: UserWarning: mind\n  return x\n"
    outputs = [new_output("stream", text=text) for text in (remarks[0], f"one\n{remarks[1]}{kept}")]
    cell = new_code_cell("run()", outputs=outputs)
    own_page._leave_out_remarks(cell)
    assert [output.text for output in cell.outputs] == [f"one\n{kept}"]


def test_a_cell_that_ran_and_shows_nothing_was_not_left_out():
    cell = new_code_cell("def codes(): ...", metadata={"tags": ["part:codes"]}, execution_count=3)
    for states in ({"codes": "done"}, {"codes": "failed: ValueError: too few"}, {}):
        own_page._fill_gap(cell, states)
        assert cell.outputs == []


# --- what it says of the run


def test_the_top_says_what_the_run_is_and_what_became_of_it(soup):
    top = text_of(soup.select_one(".this-run"))
    assert "photos (4,000 images)" in top
    assert "12 seconds of training, 2.5 minutes in all" in top
    assert "CAE at 90 % with the seed 1 collapsed: MSE 0.0600 (mean image: 0.0500)." in top
    assert "epochs 2 80" in text_of(soup.select_one(".settings"))


def test_quoted_numbers_have_the_run_s_own_beside_them(soup):
    (sentence,) = (one for one in soup.select("p .published") if "The network" in one.text)
    assert text_of(sentence) == (
        "The network has 0.0100 ( this run: 0.0200 ) (S1-04) at 30 % and 0.03 ( not in this run ) at 60 %, "
        "after 80 ( this run: 2 ) passes."
    )


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"30 %": 0.02, "60 %": 0.06}, "so in this run: 3"),
        ({"30 %": 0.02, "60 %": 0.02}, "not so in this run: 1"),
        ({"30 %": 0.0, "60 %": 0.02}, "not in this run"),
        ({"30 %": None, "60 %": None}, "not in this run"),
    ],
)
def test_words_for_a_number_hold_or_do_not(own, said):
    rows = [
        {"quantity": "MSE", "method": "CAE", "level": level, "value": value} for level, value in own.items()
    ]
    quoted = beside.sentences("tiny-run", record(metrics=rows))
    marked = beside.marked("That is three times as much. So it is.", quoted)
    text = text_of(BeautifulSoup(marked, "html.parser"))
    assert text == f"That is three times ( {said} ) as much. So it is."
    assert marked.startswith('<span class="published">That')
    assert marked.endswith("much.</span> So it is.")


def test_a_number_that_is_rounded_to_nothing_has_no_sign():
    own = record(metrics=[{"quantity": "gain", "method": "CAE", "level": "", "value": -0.04}])
    assert beside._own("gain|CAE", ".1f", "tiny-run", own) == "this run: 0.0"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("First. The published run has *80* passes. Then.", "The published run has *80* passes."),
        ("```{note} Title\n:class: x\n\nThe published run. Other.\n```", "The published run."),
        ("- one\n- the published run\n- three", "the published run"),
        ("| a published run | b |", "a published run"),
        ("| b | a published run |\n| c | d |", "a published run"),
    ],
)
def test_a_sentence_about_a_recorded_run_is_marked_whole(text, sentence):
    assert f'<span class="published">{sentence}</span>' in beside.marked(text, [])


@pytest.mark.parametrize(
    "text",
    [
        "See {numref}`tab-published`.",
        "## The published run",
        "```{exercise}\nThe published run.\n```",
        "Nothing of the kind.",
    ],
)
def test_what_is_no_such_sentence_stays_as_it_is(text):
    assert beside.marked(text, []) == text


def test_a_mark_does_not_cut_through_markup():
    assert beside.marked("**One. The published run** is here. Two.", []).count("<span") == 1
    marked = beside.marked("**One. The published run** is here. Two.", [])
    assert "**One. The <span" in marked


def test_a_sentence_that_begins_with_a_quotation_keeps_its_opening_mark():
    marked = beside.marked('"A" is in the published run.', [])
    assert marked == '<span class="published">“A" is in the published run.</span>'


def test_a_number_at_the_end_of_a_mark_has_the_run_s_own_within_it():
    quoted = [beside.Sentence("| 0.01 |", ((len("| 0.01"), "this run: 0.02"),))]
    *_, cell = BeautifulSoup(beside.marked("| a | 0.01 |\n", quoted), "html.parser").select(".published")
    assert text_of(cell) == "0.01 ( this run: 0.02 )"


def test_numbers_of_the_whole_run_stand_before_those_of_levels(monkeypatch):
    rows = {"at": "{MSE|CAE|{level} -> .2f}", "mean": "{mean(MSE|CAE) -> .2f}"}
    monkeypatch.setattr(this_run, "_asked", lambda: {"tiny-run": {"each": "MSE|CAE", "rows": rows}})
    found = [(row.level, row.own, row.published) for row in this_run.headlines(record(), PUBLISHED)]
    assert found == [("", "0.04", "0.02"), ("30 %", "0.02", "0.01"), ("90 %", "0.06", "–")]
    top = BeautifulSoup(this_run.top(record(), {}), "html.parser")
    groups = [text_of(group) for group in top.select(".headlines th[colspan]")]
    assert groups == ["30 %", "90 %, not in the published run"]


def test_networks_that_did_not_learn_are_listed_in_one_box():
    failed = [collapsed(), collapsed(seed=2, outcome="diverged", epoch=3, value=None)]
    (said,) = this_run.failures(record(outcomes=[*failed, collapsed(outcome="learnt")]))
    assert [case.split(":")[0] for case in said.cases] == [
        "CAE at 90 % with the seed 1 collapsed",
        "CAE at 90 % with the seed 2 diverged from epoch 3 on",
    ]


def test_parts_that_were_left_out_are_named_together(soup):
    parts = {"codes": "left out", "maps": "left out", "limits": "failed: ValueError: too few", "rest": "done"}
    assert [said.text for said in this_run._parts(record(parts=parts))] == [
        "These parts of the chapter were not asked for: codes, maps.",
        "The part limits failed: ValueError: too few.",
    ]


def test_a_page_is_made_anew_where_what_it_is_made_from_has_changed(root, page):
    before = page.stat().st_mtime_ns
    assert own_page.write(page.parent, "tiny-run").stat().st_mtime_ns == before
    quoted = root / "book" / "_quoted" / "tiny-run.txt"
    text = quoted.read_text(encoding="utf-8")
    quoted.write_text(text.replace("{@epochs -> d} passes", "{@epochs -> .1f} passes"), encoding="utf-8")
    try:
        assert own_page.write(page.parent, "tiny-run").stat().st_mtime_ns > before
    finally:
        quoted.write_text(text, encoding="utf-8")


def test_a_run_of_the_older_form_and_of_no_published_chapter_has_a_top():
    old = record(chapter="unheard-of", profile="interactive")
    for name in ("form", "training_seconds", "wall_seconds", "device"):
        del old[name]
    soup = BeautifulSoup(this_run.top(old, {}), "html.parser")
    assert not soup.select(".headlines, .published")
    assert "photos" in soup.text


def test_a_run_without_a_record_has_the_page_of_the_book(root):
    notebook = notebook_of(new_markdown_cell(PROSE))
    own = own_page.notebook(notebook, "tiny-run", None, {})
    assert own.cells[0].source == "# Title"
    assert "beside" not in own.cells[1].source


@pytest.fixture(scope="module")
def unfinished(root):
    """The page of a run whose second cell failed, as papermill leaves its notebook."""
    remark = {"tags": ["papermill-error-cell-tag"]}
    fault = new_output("error", ename="KeyError", evalue="'VAE'", traceback=["Traceback", "KeyError: 'VAE'"])
    worked = new_output("stream", name="stdout", text="reached\n")
    notebook = notebook_of(
        new_markdown_cell(PROSE),
        new_code_cell("begin()", execution_count=1, outputs=[worked]),
        new_markdown_cell("An Exception was encountered", metadata=remark),
        new_code_cell("plot()", execution_count=2, outputs=[fault]),
        new_code_cell("codes()", metadata={"mystnb": LEFT_OUT}),
        parameters=DECLARED,
    )
    folder = root / "runs" / "tiny-run" / "failed"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "tiny-run.failed.ipynb")
    return own_page.write(folder, "tiny-run")


def test_a_run_that_failed_has_a_page_of_what_worked(unfinished):
    assert unfinished.name == "tiny-run.failed.html"
    soup = BeautifulSoup(unfinished.read_bytes(), "html.parser")
    text = text_of(soup)
    assert "A cell below failed: KeyError: 'VAE'. The cells before that" in text
    assert "reached" in text
    assert "This cell failed: KeyError: 'VAE'" in text
    assert "Traceback" not in text
    assert "An Exception was encountered" not in text
    (notice,) = soup.select("#fig-left-out img")
    assert notice["alt"] == "Not in this run, which ended before."
    assert soup.select_one('.this-run a[href="tiny-run.failed.ipynb"]')


def test_texts_of_a_record_are_texts():
    assert "<script>" not in this_run.top(record(device="<script>alert(1)</script>"), {})


def test_a_list_among_the_parameters_breaks_after_its_commas_alone():
    top = this_run.top(record(parameters={"levels": [0.3, 0.6], "dataset": "a<b>,c"}), {})
    assert "<td>0.3,<wbr>0.6</td>" in top
    assert "<td>a&lt;b&gt;,<wbr>c</td>" in top


def test_a_failed_build_is_one_line(root, tmp_path, monkeypatch):
    monkeypatch.setattr("jupyter_book.sphinx.build_sphinx", lambda *_, **__: ValueError("no such\nthing"))
    with pytest.raises(CompendiumError, match=r"tiny-run: its page cannot be made \(no such thing\)"):
        own_page.write(a_run(tmp_path / "run"), "tiny-run")
