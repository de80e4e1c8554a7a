"""From grades to grade books: points by hand, files for Moodle and Canvas, feedback, similar answers."""

import csv
import threading
import zipfile
from contextlib import contextmanager
from urllib import error, parse, request

import pytest
import site_pages
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell
from tiny_lab import DOUBLE, GOOD, IMPORT

from compendium.errors import UsageError
from compendium.labs import desk as desks
from compendium.labs import finish, similar, source

MOODLE = "Anna Ng_101_assignsubmission_file_/tiny"
CANVAS = "deebert_2002_30003_tiny"
TASK = "tiny/4"


def answers(*code, title="Double"):
    """Cells of a notebook whose code stands in its tasks."""
    return [IMPORT, new_markdown_cell(f"## Task 1: {title}"), *code]


@contextmanager
def reading(out):
    """The page for points by hand, served; gives a function that asks it."""
    with desks.server(out) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{served.server_port}/{served.token}/"

        def ask(path="", **form):
            data = parse.urlencode(form).encode() if form else None
            with request.urlopen(address + path, data) as answer:
                return BeautifulSoup(answer.read(), "html.parser")

        ask.address = address
        try:
            yield ask
        finally:
            served.shutdown()
            thread.join()


def give(desk, file, points, comment=""):
    with reading(desk.out) as ask:
        ask(TASK, file=file, points=points, comment=comment)


def rows(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def test_points_by_hand_are_given_on_a_page_and_survive_every_grading(desk):
    desk.hand_in("anna", "bert")
    assert desk.grade()["anna"]["by hand"] == "4"
    with reading(desk.out) as ask:
        assert "2 answers are still to be read" in ask().get_text()
        page = ask(TASK)
        assert "since it is so" in page.get_text()
        assert "2 points for <b>this</b>" in page.get_text()
        ask(TASK, file="anna.ipynb", points="3,5", comment="Say why.\nAnd how.")
        assert "1 answers are still" in ask().get_text()
        page = ask(TASK)
        assert page.select_one("form:has([value='anna.ipynb']) [name=points]")["value"] == "3.5"
    for _ in range(2):
        row = desk.grade(only=["anna"])["anna"]
        assert (row["task 4"], row["total"], row["by hand"]) == ("3.5", "9.5", "0")
    assert desk.rows()["bert"]["task 4"] == ""
    desk.points = [0, 0, 1]
    assert desk.grade(again=1)["anna"]["total"] == "6.5"


def test_points_for_what_has_changed_since_count_no_longer_and_are_kept(desk):
    desk.hand_in("anna")
    desk.grade()
    give(desk, "anna.ipynb", "2")
    desk.why = "another text"
    desk.hand_in("anna", cells=[*GOOD, "x = 1"])
    assert desk.grade()["anna"]["task 4"] == ""
    assert rows(desk.out / "hand.csv")[1][5] == "2"
    with reading(desk.out) as ask:
        assert "It was read before, with 2 points, and has changed since" in ask(TASK).get_text()


def test_a_person_may_overrule_the_checks(desk):
    desk.hand_in("anna")
    desk.points = [0, 2, 1]
    desk.grade()
    with reading(desk.out) as ask:
        assert "The checks gave 0 of 3 points" in ask("tiny/1").get_text()
        ask("tiny/1", file="anna.ipynb", points="2.5", comment="Right but for its name.")
    assert desk.grade()["anna"]["total"] == "5.5"


def test_points_follow_a_student_whom_a_roster_names(desk, tmp_path):
    desk.hand_in("anna")
    desk.grade()
    give(desk, "anna.ipynb", "4")
    roster = tmp_path / "roster.csv"
    roster.write_text("identifier,name\nanna,Anna Ng\n", encoding="utf-8")
    assert desk.grade(people=roster)["Anna Ng"]["task 4"] == "4"
    assert rows(desk.out / "hand.csv")[1][:2] == ["Anna Ng", "anna"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("anna;;tiny;4;4;5;", "row 2 (anna): 5 points; write a number from 0 to 4"),
        ("anna;;tiny;4;4;two;", "row 2 (anna): points are 'two'; write a number from 0 to 4"),
        ("anna;;tiny;4;4;nan;", "row 2 (anna): nan points; write a number from 0 to 4"),
        ("anna;;tiny;7;4;1;", 'row 2 (anna): no task "7"'),
        ("anna;;tinny;4;4;1;", 'row 2 (anna): no lab "tinny"; did you mean "tiny"'),
        ("anna;;tiny;4;4;1;\nanna;;tiny;4;4;2;", "row 3 (anna): task 4 is in the file twice"),
    ],
)
def test_a_file_of_points_that_a_spreadsheet_has_spoilt_is_told_by_its_row(desk, row, told):
    desk.hand_in("anna")
    desk.grade()
    path = desk.out / "hand.csv"
    path.write_text(f"student;identifier;lab;task;of;points;comment\n{row}\n", encoding="utf-16")
    with pytest.raises(UsageError) as fault:
        desk.grade()
    assert f"{path}, {told}" in str(fault.value)


def test_points_may_be_typed_into_the_file(desk):
    desk.hand_in("anna")
    desk.grade()
    content = "student;lab;identifier;task;points;comment\nanna;tiny;;4;1,5;Good\n"
    (desk.out / "hand.csv").write_text(content, encoding="cp1252")
    assert desk.grade()["anna"]["task 4"] == "1.5"
    (desk.out / "hand.csv").write_text("student,points\nanna,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="has no column 'identifier'; its columns are student, identifier"):
        desk.grade()


def test_the_page_is_for_who_has_its_address_and_refuses_what_cannot_be_given(desk):
    desk.hand_in("anna")
    desk.grade()
    with reading(desk.out) as ask:
        other = ask.address.replace(ask.address.split("/")[3], "x")
        for address in (other, other + TASK, ask.address + "tiny/9", ask.address + "../etc"):
            for data in (None, b"file=anna.ipynb&points=1"):
                with pytest.raises(error.HTTPError) as fault:
                    request.urlopen(address, data)
                assert fault.value.code == 404
        for form, told in (
            (
                {"file": "anna.ipynb", "points": "9"},
                "Not saved: points: 9 points; write a number from 0 to 4",
            ),
            ({"file": "none", "points": "1"}, "Not saved: this answer is no longer there"),
        ):
            with pytest.raises(error.HTTPError) as fault:
                ask(TASK, **form)
            assert fault.value.code == 400
            assert told in fault.value.read().decode()
    assert not (desk.out / "hand.csv").exists()
    with pytest.raises(UsageError, match="holds no grades"):
        desks.server(desk.folder)


def test_what_students_wrote_is_text_on_the_page(desk):
    desk.why = "</textarea><script>alert(1)</script> so it is"
    desk.hand_in("anna", cells=answers("double = '<script>alert(2)</script>'"))
    desk.grade()
    give(desk, "anna.ipynb", "1", "</textarea><script>alert(3)</script>")
    with reading(desk.out) as ask:
        for page in (ask(TASK), ask("tiny/1")):
            assert len(page.select("script")) == 1
    target = finish.finish(desk.out, desk.said.append)
    with zipfile.ZipFile(target / "feedback.zip") as archive:
        page = archive.read("anna/feedback-tiny.html").decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(3)" in page


def test_feedback_on_a_german_lab_is_german(desk):
    desk.mend("number: 1", "number: 1\nlanguage: de")
    desk.hand_in("anna")
    desk.grade()
    give(desk, "anna.ipynb", "4")
    target = finish.finish(desk.out, desk.said.append)
    with zipfile.ZipFile(target / "feedback.zip") as archive:
        page = BeautifulSoup(archive.read("anna/feedback-tiny.html"), "html.parser")
    assert page.html["lang"] == "de"
    assert page.select_one("h2").get_text() == "Aufgabe 1: Double"
    assert "10 von 10 Punkten" in page.get_text()
    assert not {"Task", "points", "wrote"} & set(page.get_text().split())


def test_finished_grades_have_files_for_both_grade_books_and_feedback(desk, tmp_path):
    desk.hand_in(MOODLE, CANVAS, "carl")
    desk.points = [3, 1, 1]
    roster = tmp_path / "roster.csv"
    people = "id,name\n7,Anna Ng\n2002,Bert Dee\ncarl,=Carl\n9,Dora\n"
    roster.write_text(people, encoding="utf-8")
    desk.grade(people=roster)
    give(desk, f"{MOODLE}.ipynb", "3", "Well said.")
    give(desk, f"{CANVAS}.ipynb", "4")

    said = []
    target = finish.finish(desk.out, said.append)
    assert "answers that nobody has read: 1, of =Carl; they have no total and no feedback" in said
    assert "without a grade: 1, as totals.csv says" in said
    totals = {row[0]: row[4:7] for row in rows(target / "totals.csv")}
    assert totals["Anna Ng"] == ["8", "10", "0"]
    assert totals["'=Carl"] == ["", "10", "1"]
    assert totals["Dora"] == ["", "", "0"]
    assert rows(target / "moodle.csv") == [
        ["Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)", "Feedback comments"],
        ["Participant 101", "Anna Ng", "8", "10", "", "Task 4: Well said."],
    ]
    assert rows(target / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 1: Tiny"],
        ["    Points Possible", "", "", "", "", "10"],
        ["Bert Dee", "2002", "", "", "", "9"],
    ]
    with zipfile.ZipFile(target / "feedback.zip") as archive:
        names = archive.namelist()
        page = archive.read(names[0]).decode()
    assert names == [
        "Anna Ng_101_assignsubmission_file_/feedback-tiny.html",
        f"{CANVAS}/feedback-tiny.html",
    ]
    assert "8 of 10 points" in page
    assert "Well said." in page
    assert "points for" not in page  # the rubric

    desk.hand_in("late")
    desk.stop_after = 0
    with pytest.raises(KeyboardInterrupt):
        desk.grade()
    with pytest.raises(
        UsageError, match="1 submissions are not graded yet; type `compendium lab grade` again"
    ):
        finish.finish(desk.out, said.append)


def test_feedback_and_the_page_for_points_are_open_to_everyone(desk, chromium, tmp_path):
    desk.hand_in("anna", cells=answers("def double(image):\n    return 2 * image"))
    desk.grade()
    give(desk, "anna.ipynb", "1", "Look again.")
    target = finish.finish(desk.out, desk.said.append)
    with zipfile.ZipFile(target / "feedback.zip") as archive:
        archive.extractall(tmp_path / "back")
    static = [
        tmp_path / "back" / "anna" / "feedback-tiny.html",
        target / "similar.html",
        *desk.out.glob("*.html"),
    ]
    with reading(desk.out) as ask:
        for address in (*(path.as_uri() for path in static), ask.address, ask.address + TASK):
            for scheme in ("light", "dark"):
                page = chromium.new_page(
                    color_scheme=scheme, bypass_csp=True, viewport={"width": 360, "height": 700}
                )
                page.goto(address)
                assert site_pages.violations(page) == [], address
                assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
                page.close()
        page = chromium.new_page()
        page.goto(ask.address + TASK)
        page.fill("[name=points]", "7")
        page.press("[name=points]", "Tab")
        said = page.get_by_text("Not saved: points: 7 points; write a number from 0 to 4")
        said.wait_for()
        page.fill("[name=points]", "2")
        page.click("button")
        page.get_by_text("Saved", exact=True).wait_for()
        page.close()
    assert rows(desk.out / "hand.csv")[1][5] == "2"


LONG = """\
def double(image):
    total = image + image
    if total.max() > 2 and total.min() < 0:
        total = total.clip(0, 2)
    return total.astype(float)"""


def test_the_same_code_under_other_names_makes_a_group(desk):
    other = LONG.replace("total", "s").replace("image", "x").replace("return", "# done\n    return")
    desk.hand_in("anna", cells=answers(LONG))
    desk.hand_in("bert", cells=answers('"""Mine."""', other))
    desk.hand_in("carl", cells=answers(LONG.replace("clip", "round")))
    desk.grade()
    target = finish.finish(desk.out, desk.said.append)
    assert "groups with the same code: 1, in similar.html" in desk.said
    page = BeautifulSoup((target / "similar.html").read_bytes(), "html.parser")
    assert [one.text for one in page.select("h2 + ul a")] == ["anna", "bert"]


def test_short_answers_and_what_was_handed_out_make_no_group():
    assert similar.normal(DOUBLE) == ""
    assert similar.normal("def broken(:") == ""
    assert similar.normal("%matplotlib inline\n" + LONG) == similar.normal(LONG) != ""


def test_the_labs_that_were_graded_by_are_those_that_are_read_and_finished(desk, monkeypatch, tmp_path):
    desk.hand_in("anna")
    desk.points = [3, 1]
    desk.grade(sources=desk.labs, without=[2])
    monkeypatch.setattr(source, "FOLDER", tmp_path / "elsewhere")
    with reading(desk.out) as ask:
        assert len(ask().select("tbody tr")) == 3
        ask(TASK, file="anna.ipynb", points="4")
    target = finish.finish(desk.out, desk.said.append)
    assert rows(target / "totals.csv")[1][4:6] == ["8", "8"]
