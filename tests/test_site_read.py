"""What the pages say in words: numbers of runs, boxes on top, reading time, glossary, next steps."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
import site_pages
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree

from compendium import book, project
from compendium.errors import CompendiumError
from compendium.labs import source
from compendium.site import minutes, quotes, reading, this_run, typography

QUOTED = project.ROOT / "book" / "_quoted"
LABS = {name: source.FOLDER / f"{name}.md" for name in source.names()}
PAGES = {path.stem: path for path in book.documents()} | LABS | {"README": project.ROOT / "README.md"}


def cells(page):
    """The pieces of a page's prose: the cells of a notebook, without its exercises, or a whole page."""
    if page.suffix == ".md":
        return [page.read_text(encoding="utf-8")]
    prose = [cell.source for cell in nbformat.read(page, 4).cells if cell.cell_type == "markdown"]
    return [text for text in prose if not re.match(r"`{3,}\{(exercise|solution)\}", text)]


def plain(text):
    """A text on one line, without references to claims."""
    return " ".join(re.sub(r"\s*\(\{claim\}`[^)]*\)", "", text).split())


def fragments(page):
    """The sentences that are held to a record, filled with its numbers."""
    path = QUOTED / f"{page.stem}.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [plain(quotes.fill(line, quotes.published(page.stem))) for line in lines if line.strip()]


# --- the numbers in the prose are those of the records


@pytest.mark.parametrize("name", sorted(path.stem for path in QUOTED.glob("*.txt")))
def test_each_quoted_number_is_the_record_s(name):
    text = plain(" ".join(cells(PAGES[name])))
    missing = [fragment for fragment in fragments(PAGES[name]) if fragment not in text]
    assert missing == [], "correct the page, or the sentence in book/_quoted/"


@pytest.mark.parametrize("chapter", project.chapters())
def test_each_chapter_says_which_of_its_numbers_matter_most(chapter):
    record = quotes.published(chapter)("")
    rows = [*this_run.headlines(record, record)]
    assert len(rows) >= 4
    assert all(row.own == row.published != "–" for row in rows)
    assert {float(row.difference) for row in rows} == {0}


# not a number that is part of a name, such as depth 5
NUMBER = re.compile(r"(?<![\w.`_-])(?<!depth )(?<!latent )(?<!exercise )\d[\d,.]*(?<![.,])")
NOT_PROSE = re.compile(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^#+ .*$|```\{include\}.*?```", re.M | re.S)


def blocks(text):
    """Paragraphs, each with the list that it introduces."""
    found = []
    text = re.sub(r"[ \n]\(\{claim\}`[^)]*\)", "", text)
    for block in re.split(r"\n\s*\n", NOT_PROSE.sub(lambda part: " " * len(part[0]), text)):
        if found and found[-1].rstrip().endswith(":"):
            found[-1] += f"\n{block}"
        else:
            found.append(block)
    return found


def unheld(text, sentences, *, chapter=False):
    """Numbers in paragraphs about published runs that no sentence in `sentences` covers.

    In a chapter these are all paragraphs on what we did, but whole numbers that count no per cent are mostly
    settings there, or numbers of images.
    """
    found = []
    of_runs = r"\b([Oo]urs?|[Ww]e|published run)\b" if chapter else r"\bpublished run\b"
    for block in map(plain, blocks(text)):
        if not re.search(of_runs, block):
            continue
        covered = set()
        for sentence in (plain(NOT_PROSE.sub(" ", one)) for one in sentences):
            for hit in re.finditer(re.escape(sentence), block):
                covered |= {*range(*hit.span())}
        found += [
            f"{number[0]}: ...{block[max(0, number.start() - 60) : number.end() + 30]}..."
            for number in NUMBER.finditer(block)
            if number.start() not in covered
            and not (chapter and number[0].replace(",", "").isdigit() and block[number.end() :][:2] != " %")
        ]
    return found


@pytest.mark.parametrize("name", ["README", "index", "stories", *project.chapters(), *LABS])
def test_no_number_of_a_published_run_stands_unheld(name):
    sentences = fragments(PAGES[name])
    chapter = name in project.chapters()
    found = [fault for text in cells(PAGES[name]) for fault in unheld(text, sentences, chapter=chapter)]
    assert found == [], "hold it by a sentence in book/_quoted/, without a query where it is of no record"


def test_an_unheld_number_is_found():
    text = (
        "In the published run it is 0.12.\n\nHere it is 0.34.\n\nThe published run:\n\n- 7 seeds `x=8` in $9$"
    )
    assert [fault.split(":")[0] for fault in unheld(text, [])] == ["0.12", "7"]
    assert unheld(text, ["published run it is 0.12", "- 7 seeds"]) == []
    text = "Ours is 0.12, after 7 epochs, in 8 % and 9 of all.\n\nTheirs is 0.34."
    assert [fault.split(":")[0] for fault in unheld(text, [], chapter=True)] == ["0.12", "8"]


# --- how a quote is written


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{@epochs -> d} epochs", "80 epochs"),
        ("{@fractions -> words} levels", "three levels"),
        ("{@fractions -> Words} levels", "Three levels"),
        ("{@train_images × 0.8 -> ,d}", "40,000"),
        ("{1 − 0.5 × 0.5 -> .2f}", "0.75"),
        ("{3 ÷ 2 -> 1.4..1.6 one and a half}", "one and a half"),
        ("{count(MSE|*|30 %) -> words}", "eleven"),
        ("{below(MSE|*|30 %; MSE|CAE|30 %) − below(MSE|*|30 %; 0) -> words}", "five"),
        ("a {bracket} and a -> b", "a {bracket} and a -> b"),
    ],
)
def test_a_quote_is_computed_and_written(template, text):
    assert quotes.fill(template, quotes.published("salt-pepper-cae")) == text


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{MSE|CEA|30 % -> .2f}", "no such number"),
        ("{MSE|CAE -> .2f}", "3 such numbers; say which"),
        ("{3 ÷ 2 -> 1.6..2 nearly two}", "the record has 1.5, which is not 'nearly two'"),
        ("{middle(MSE|CAE) -> .2f}", "function of a quote"),
        ("{@epoch -> d}", "epochs"),
    ],
)
def test_a_quote_that_the_record_does_not_give_is_refused(template, complaint):
    with pytest.raises(CompendiumError, match=re.escape(complaint)):
        quotes.fill(template, quotes.published("salt-pepper-cae"))


def test_paired_quotes_are_those_of_the_ledger():
    """The orders that the ledger's rows speak of, counted here from the same record."""
    by_latent = "DAE_5_13 < DAE_5_8 < DAE_5_5; DAE_3_13 < DAE_3_8 < DAE_3_5; DAE_1_13 < DAE_1_8 < DAE_1_5"
    counts = [
        quotes.value(f"{count}(test MSE; {by_latent})", quotes.published("depth-latent"))
        for count in ("holding", "undecided", "reversed", "orders")
    ]
    assert sum(counts[:3]) == counts[3] == 6


# --- the top of a page


def test_the_committed_boxes_are_those_of_the_records():
    made = minutes.pages()
    assert {Path(name).stem for name in made} >= {*project.chapters(), "stories"}
    for name, text in made.items():
        committed = (project.ROOT / name).read_text(encoding="utf-8")
        assert committed == text, "stale: `compendium book --save-outputs` writes it anew"


def test_reading_time_is_rounded_as_a_reader_would_say_it():
    assert reading.minutes(words=10, lines=0, figures=0) == 1
    assert reading.minutes(words=1150, lines=50, figures=4) == 8
    assert reading.minutes(words=4600, lines=250, figures=8) == 30


def test_exercises_and_further_questions_are_no_part_of_the_main_way():
    start = "Title\n=====\n\nWay\n---\n\none two\n\nExercises\n---------\n\nthree\n"
    end = "\nFurther questions\n-----------------\n\nfour\n"
    whole, short = (
        publish_doctree(text, settings_overrides={"doctitle_xform": False}).next_node(nodes.section)
        for text in (start + end, start)
    )
    main, further = reading.parted(whole)
    assert (reading.counted(main)[0], reading.counted(further)[0]) == (4, 5)
    main, further = reading.parted(short)
    assert (reading.counted(main)[0], further) == (6, [])


# --- the rendered pages

PROSE = [path for path in book.documents() if path.stem != "index"]
LECTURES = ("autoencoders", "noise-models", "metrics", "seeds-and-intervals")
FOUNDATIONS = [PAGES[name] for name in (*LECTURES, "stories")]


@cache
def soup_of(path):
    """A rendered page, parsed."""
    return BeautifulSoup(site_pages.rendered(path).read_bytes(), "html.parser")


def test_every_page_ends_in_two_or_three_next_steps():
    for path in PROSE:
        (section,) = soup_of(path).select("article #next-steps")
        steps = section.select("li")
        assert 2 <= len(steps) <= 3, path.name
        assert section.select("li a[href]"), path.name
        assert not section.find_all_next("section"), f"{path.name}: the next steps are not the last section"


def test_every_chapter_says_on_top_what_it_holds_and_how_long_it_takes():
    for path in [*map(project.chapter_path, project.chapters()), *FOUNDATIONS]:
        soup = soup_of(path)
        time = soup.select_one("h1 + .reading-time")
        assert re.match(r"About \d+ minutes? to read: [\d,]+ words, \d+ lines of code", time.text), path.name
        further = ", #exercises, #further-questions" if soup.select_one("#further-questions") else ""
        shown = soup.select(f"article figure img:not(:is(details{further}) img)")
        assert not shown or f"{len(shown)} figures" in time.text, path.name
        found = soup.select_one(".admonition.minute")
        assert 3 <= len(re.findall(r"[.!?](?=\s|$)", found.text.strip())) <= 14, path.name
        assert len(soup.select(".admonition.objectives li")) >= 2, path.name


def test_each_term_is_linked_once_a_page_and_leads_to_its_entry():
    glossary = soup_of(project.ROOT / "book" / "glossary.md")
    entries = {term["id"] for term in glossary.select("dt[id]")}
    assert 35 <= len(glossary.select("dl.glossary > dd")) <= 65
    linked = set()
    for path in PROSE:
        anchors = [link["href"].partition("#")[2] for link in soup_of(path).select("article a.term")]
        assert len(anchors) == len(set(anchors)), path.name
        linked |= set(anchors)
    assert linked <= entries
    assert len(linked) >= 35


@pytest.fixture
def open_page(chromium, html):
    """A function that opens a rendered page from its file, at a desktop's size."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})

    def opened(name):
        page.goto((html / f"{name}.html").as_uri(), wait_until="load")
        return page

    yield opened
    page.close()


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("a.term[href$='#term-SSIM']", "Structural similarity"),
        ("a[href*='bibliography.html#']", "Optimizing convolutional autoencoders"),
        ("a[href='#fig-tuning-noises']", "trained on one kind of noise"),
        ("a.reference[href='#equation-eq-mean-error']", "(6.1)"),
        ("a.claim[href$='#S4-32']", "mean squared error of 0.114709"),
    ],
)
def test_what_a_link_leads_to_is_shown_by_pointer_and_by_keyboard(open_page, selector, says):
    page = open_page("notebooks/mean-image" if "eq-mean" in selector else "notebooks/tuning")
    link, tip = page.locator(f"article {selector}").first, page.locator("[role=tooltip]")
    link.hover()
    tip.wait_for(state="visible")
    assert says in tip.inner_text()
    assert link.get_attribute("aria-describedby") == tip.get_attribute("id")
    tip.hover()  # the pointer may go into it
    page.wait_for_timeout(400)
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    assert link.get_attribute("aria-describedby") is None

    page.mouse.move(0, 0)
    page.keyboard.press("Tab")  # what has the focus now was reached by keyboard
    link.focus()
    tip.wait_for(state="visible")
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1440
    page.keyboard.press("Tab")
    assert tip.is_hidden() or says not in tip.inner_text()


def test_a_figure_in_a_tip_is_that_of_the_page_also_from_another_folder(open_page, html):
    page = open_page("book/how-to-read")
    assert page.evaluate("window.compendiumTips") is None  # until a reader comes to a link
    page.locator("article a.term").first.hover()
    page.locator("[role=tooltip]").wait_for(state="visible")
    tips = page.evaluate("window.compendiumTips")
    sources = [found[1] for tip in tips.values() if (found := re.search(r'src="([^"]+)"', tip))]
    assert sources
    assert all((html / source).exists() for source in sources)
    assert page.evaluate("Object.keys(window.compendiumTips).every(key => key.includes('#'))")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_open_tip_is_accessible(open_page, theme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page("book/stories")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.keyboard.press("Tab")
    for kind in ("a.term", "a[href*='bibliography.html#']", "a.claim"):
        page.locator(f"article {kind}").first.focus()
        page.locator("[role=tooltip]").wait_for(state="visible")
        found = Axe().run(
            page, context="article, #tip", options={"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]}
        )
        assert [fault["id"] for fault in found.response["violations"] if "tip" in str(fault["nodes"])] == []


def test_each_parameter_has_a_line_of_its_own_and_the_cell_its_text(html):
    soup = BeautifulSoup((html / "notebooks" / "depth-latent.html").read_bytes(), "html.parser")
    notebook = site_pages.shown(project.chapter_path("depth-latent"))
    (source,) = (cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    shown = soup.select_one(".tag_parameters pre")
    assert [line.text.rstrip("\n") for line in shown.select(".line")] == source.splitlines()
    assert shown.text.rstrip("\n") == source


def test_plumbing_is_folded_and_opens(open_page):
    page = open_page("notebooks/salt-pepper-cae")
    folded = page.locator("article details.hide.above-input").first
    assert folded.get_attribute("open") is None
    folded.locator("summary").first.click()
    assert folded.locator("pre").first.is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_solution_is_folded_opens_by_keyboard_and_is_open_on_paper(chromium, html, scripts):
    page = chromium.new_page(java_script_enabled=scripts)
    page.goto((html / "notebooks" / "tuning.html").as_uri())
    solution = page.locator("article details.solution").first
    answer = solution.locator("section > p").first
    assert solution.locator("summary").inner_text() == "Solution"
    assert answer.is_hidden()
    page.emulate_media(media="print")
    assert answer.is_visible()
    page.emulate_media(media="screen")
    assert answer.is_hidden()
    solution.locator("summary").press("Enter")
    assert answer.is_visible()
    page.close()


# --- signs


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("95% of 0.5%, but %d", "95_% of 0.5_%, but %d"),
        ("30 % of 32 × 32 pixels, 4 kB", "30_% of 32_×_32 pixels, 4_kB"),
        ("32x32x3 and 4 x 13 x 13, not 0x10 or x 3", "32×32×3 and 4_×_13_×_13, not 0x10 or x 3"),
        ("see Table 3 and Fig. 12 (line 5)", "see Table_3 and Fig._12 (line_5)"),
        ("-0.2 points (-0.5 to 0.2)", "−0.2 points (−0.5_to_0.2)"),
        ("CIFAR-10, S2-27, 2026-11-27, 5-6", "CIFAR-10, S2-27, 2026-11-27, 5-6"),
        ("+ qualified (p = 0.17)", "+_qualified (p_=_0.17)"),
        ("the papers' claims, the book's \"accuracy\"", "the papers’ claims, the book’s “accuracy”"),
        ("x' and 5\" wide", "x' and 5\" wide"),
        ("Tables 1 and 2, Figs. 4 and 5", "Tables_1_and_2, Figs._4_and_5"),
        ("Tables 1-2 and 7-8", "Tables_1–2 and 7-8"),
        ("on [0, 1] and N(-1, 1), of [16, 32, 400]", "on [0,_1] and N(−1,_1), of [16, 32, 400]"),
        ("0 to 10, -0.5 to +0.2, up to 3", "0_to_10, −0.5_to_+0.2, up to 3"),
        ("height × width", "height_× width"),
        (" = 80; p = 1 and wordswithoutend = 2", "_=_80; p_=_1 and wordswithoutend_= 2"),
        ("Kullback-Leibler divergence", "Kullback–Leibler divergence"),
    ],
)
def test_signs_are_set_as_a_printer_does(written, printed):
    assert typography.signs(written) == printed.replace("_", "\N{NO-BREAK SPACE}")


def test_code_keeps_its_signs_and_a_formula_its_comma():
    page = "<article><p>a - <code>-1 %</code> -1, <math>x</math>, y</p><pre>-1 'a's</pre></article>"
    soup = BeautifulSoup(page, "html.parser")
    typography.mend(soup)
    assert soup.code.text == "-1 %"
    assert soup.pre.text == "-1 'a's"
    assert soup.p.text == "a - -1 % −1, x, y"
    assert soup.select_one(".unbroken:has(math)").text == "x,"


def test_names_stay_on_one_line():
    soup = BeautifulSoup(
        "<article>CIFAR-100 by t-SNE of scikit-learn, <code>CIFAR-10</code></article>", "html.parser"
    )
    typography.mend(soup)
    assert [name.text for name in soup.select("span.unbroken")] == ["CIFAR-100", "t-SNE", "scikit-learn"]
    assert soup.article.text == "CIFAR-100 by t-SNE of scikit-learn, CIFAR-10"


def test_short_code_stays_on_one_line_and_a_long_list_breaks_after_its_commas():
    networks = "DAE_5_13,DAE_5_8,DAE_1_5,DAE_1_8"
    prose = f"<code>dae(7, 8).layers</code> <code>{networks}</code> of 4,719,616 {networks}"
    soup = BeautifulSoup(
        f"<article><p>{prose}</p><i>examples/variational_autoencoder.py</i></article>", "html.parser"
    )
    typography.mend(soup)
    assert str(soup.i) == "<i>examples/<wbr/>variational_<wbr/>autoencoder.py</i>"
    assert [code.get("class") for code in soup.select("code")] == [["unbroken"], None]
    text = soup.p.get_text()
    breaks = str(soup.p).count(",<wbr/>")
    assert breaks == 2 * networks.count(",")
    assert text == f"dae(7, 8).layers {networks} of 4,719,616 {networks}"
