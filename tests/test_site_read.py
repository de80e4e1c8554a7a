"""What the pages say in words: numbers of recorded runs, boxes on top, reading time, glossary, next steps."""

import re
from pathlib import Path

import nbformat
import pytest

from compendium import book, claims, project
from compendium.errors import CompendiumError
from compendium.site import minutes, quotes, reading

QUOTED = Path(__file__).parent / "quoted"
PAGES = {path.stem: path for path in book.documents()} | {"README": project.ROOT / "README.md"}


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
    return [plain(quotes.fill(line, page.stem)) for line in lines if line.strip()]


# --- the numbers in the prose are those of the records


@pytest.mark.parametrize("name", sorted(path.stem for path in QUOTED.glob("*.txt")))
def test_each_quoted_number_is_the_record_s(name):
    text = plain(" ".join(cells(PAGES[name])))
    missing = [fragment for fragment in fragments(PAGES[name]) if fragment not in text]
    assert missing == [], "correct the page, or the sentence in tests/quoted/"


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


def unheld(text, sentences):
    """Numbers in paragraphs about recorded runs that no sentence in `sentences` covers."""
    found = []
    for block in map(plain, blocks(text)):
        if not re.search(r"\brecorded\b", block):
            continue
        covered = set()
        for sentence in (plain(NOT_PROSE.sub(" ", one)) for one in sentences):
            for hit in re.finditer(re.escape(sentence), block):
                covered |= {*range(*hit.span())}
        found += [
            f"{number[0]}: ...{block[max(0, number.start() - 60) : number.end() + 30]}..."
            for number in NUMBER.finditer(block)
            if number.start() not in covered
        ]
    return found


@pytest.mark.parametrize("name", ["README", "index", "stories", *project.chapters()])
def test_no_number_of_a_recorded_run_stands_unheld(name):
    sentences = fragments(PAGES[name])
    assert [fault for text in cells(PAGES[name]) for fault in unheld(text, sentences)] == []


def test_an_unheld_number_is_found():
    text = (
        "In the recorded run it is 0.12.\n\nHere it is 0.34.\n\nThe recorded run:\n\n- 7 seeds `x=8` in $9$"
    )
    assert [fault.split(":")[0] for fault in unheld(text, [])] == ["0.12", "7"]
    assert unheld(text, ["recorded run it is 0.12", "- 7 seeds"]) == []


@pytest.mark.parametrize("page", ["README", "index"])
def test_the_number_of_claims_is_the_ledger_s(page):
    (said,) = set(re.findall(r"(\d+) (?:claims|statements)", PAGES[page].read_text(encoding="utf-8")))
    assert int(said) == len(claims.load())


# --- how a quote is written


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{@epochs -> d} epochs", "40 epochs"),
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
    assert quotes.fill(template, "salt-pepper-cae") == text


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
        quotes.fill(template, "salt-pepper-cae")


def test_paired_quotes_are_those_of_the_ledger():
    """The orders that the ledger's rows speak of, counted here from the same record."""
    by_latent = "DAE_5_13 < DAE_5_8 < DAE_5_5; DAE_3_13 < DAE_3_8 < DAE_3_5; DAE_1_13 < DAE_1_8 < DAE_1_5"
    counts = [
        quotes.value(f"{count}(test MSE; {by_latent})", "depth-latent")
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
