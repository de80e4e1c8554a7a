"""Grading a course in several sittings, with a grader that runs nothing: what is kept, what is done again."""

import json
import shutil

import pytest
from tiny_lab import GOOD

from compendium.errors import UsageError
from compendium.labs import cage, table


def test_the_same_command_runs_only_what_is_new_or_changed(desk):
    desk.hand_in("anna", "bert")
    desk.grade()
    assert desk.graded == ["anna", "bert"]
    before = desk.rows()
    desk.hand_in("carl")
    rows = desk.grade()
    assert desk.graded == ["carl"]
    assert "2 of 3 are graded already, and are not run again" in desk.said
    assert {name: rows[name] for name in before} == before
    desk.hand_in("anna", cells=[*GOOD, "x = 1"])
    desk.grade()
    assert desk.graded == ["anna"]
    desk.grade(limits=cage.Limits(seconds=2, memory=1))
    assert desk.graded == ["anna", "bert", "carl"]
    desk.mend("That is not the mean.", "That is no mean.")
    desk.grade(limits=cage.Limits(seconds=2, memory=1))
    assert desk.graded == ["anna", "bert", "carl"]


def test_an_interrupted_evening_goes_on(desk):
    desk.hand_in(*"abcd")
    for done in (1, 2):
        desk.stop_after = 1
        with pytest.raises(KeyboardInterrupt):
            desk.grade()
        waiting = [row["status"] for row in desk.rows().values() if row["status"] != "graded"]
        assert waiting == [f"waiting: {done} of 4 are graded"] * (4 - done)
    desk.stop_after = None
    rows = desk.grade()
    assert desk.graded == ["c", "d"]
    assert {row["status"] for row in rows.values()} == {"graded"}


def test_what_could_not_be_checked_is_tried_again(desk):
    desk.hand_in("anna", "bert")
    desk.unchecked = {"anna"}
    assert desk.grade()["anna"]["status"] == "not checked: no cage"
    desk.unchecked = set()
    assert desk.grade()["anna"]["status"] == "graded"
    assert desk.graded == ["anna"]


@pytest.mark.parametrize("broken", ["", "[]", "{", '{"key": 1}', "null"])
def test_a_broken_record_costs_its_submission_a_run(desk, broken):
    desk.hand_in("anna", "bert")
    desk.grade()
    next((desk.out / "records").glob("anna-*.json")).write_text(broken, encoding="utf-8")
    (desk.out / "records" / "state.json").write_text(broken, encoding="utf-8")
    assert desk.grade()["anna"]["total"] == "6"
    assert desk.graded == ["anna"]


def test_only_some_are_graded_into_the_same_table(desk):
    desk.hand_in("anna", "bert", "carl/deep/tiny")
    rows = desk.grade(only=["bert.ipynb", str(desk.folder / "carl")])
    assert desk.graded == ["bert", "carl"]
    assert rows["anna"]["status"] == "waiting: 2 of 3 are graded"
    desk.grade(only=["bert"])
    assert desk.graded == ["bert"]
    with pytest.raises(UsageError, match=r'no submission "brt.ipynb"; did you mean "bert"'):
        desk.grade(only=["brt.ipynb"])


def test_a_task_is_checked_again_and_the_changes_are_told(desk):
    desk.hand_in("anna", "bert")
    desk.grade()
    desk.hand_in("late")
    desk.points = [0, 1, 1]
    rows = desk.grade(again=2)
    assert desk.graded == ["anna", "bert", "late"]
    assert [rows["anna"][f"task {number}"] for number in range(1, 5)] == ["3", "1", "1", ""]
    assert rows["late"]["task 1"] == "0"
    assert desk.said[-3:] == [
        "task 2 was checked anew for 2; the points of 2 have changed",
        "anna: task 2 from 2 to 1, in all from 6 to 5",
        "bert: task 2 from 2 to 1, in all from 6 to 5",
    ]
    desk.grade()
    assert desk.graded == []
    with pytest.raises(UsageError, match=r"no task 9 to check again \(tiny: 1, 2, 3, 4\)"):
        desk.grade(again=9)


def test_checking_again_goes_on_where_it_was_cut_off_and_tells_all_changes(desk):
    desk.hand_in("anna", "bert", "carl")
    desk.grade()
    desk.points, desk.stop_after = [3, 0, 1], 1
    with pytest.raises(KeyboardInterrupt):
        desk.grade(again=2)
    desk.stop_after = None
    desk.grade(again=2)
    assert desk.graded == ["bert", "carl"]
    assert [line.partition(":")[0] for line in desk.said[-3:]] == ["anna", "bert", "carl"]
    desk.grade(again=2)
    assert desk.graded == ["anna", "bert", "carl"]
    assert desk.said[-1] == "task 2 was checked anew for 3; the points of 0 have changed"


def test_a_table_that_somebody_has_changed_is_kept_beside_the_new_one(desk):
    desk.hand_in("anna", "bert")
    desk.grade()
    path = desk.out / "grades.csv"
    ours = path.read_bytes().replace(b"graded", b"seen")
    path.write_bytes(ours)
    desk.grade()
    assert (desk.out / "grades-by-hand-1.csv").read_bytes() == ours
    assert desk.said[0] == (
        "grades.csv was changed: it is kept as grades-by-hand-1.csv; points given by hand stand in hand.csv"
    )
    desk.grade()
    assert not (desk.out / "grades-by-hand-2.csv").exists()


def test_nobody_who_was_graded_is_lost_when_a_file_goes(desk):
    desk.hand_in("anna", "bert")
    desk.grade()
    (desk.folder / "anna.ipynb").unlink()
    assert desk.grade()["anna"]["status"] == "graded; it is no longer in the folder"
    assert desk.graded == []


def test_grades_of_other_submissions_are_not_mixed_up(desk):
    desk.hand_in("anna")
    desk.grade()
    shutil.move(desk.folder / "anna.ipynb", desk.folder / "bert.ipynb")
    assert list(desk.grade()) == ["bert"]  # the same work under another name
    desk.hand_in("bert", cells=[*GOOD, "x = 1"])
    shutil.move(desk.folder / "bert.ipynb", desk.folder / "carl.ipynb")
    with pytest.raises(UsageError, match="has the grades of other submissions"):
        desk.grade()


def test_roster_adds_rows_for_who_is_missing(desk, tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text("identifier,name\nanna,Anna Ng\ndora,Dora Dee\n", encoding="utf-8")
    desk.hand_in("anna", "bert")
    rows = desk.grade(people=path)
    assert list(rows) == ["Anna Ng", "bert", "Dora Dee"]
    assert rows["Dora Dee"]["status"] == "missing: nothing was handed in"
    assert {"nothing was handed in by: Dora Dee", "not in roster.csv: bert"} <= set(desk.said)


def test_points_may_be_fractions(desk):
    desk.hand_in("anna")
    desk.points = [1.5, 2, 0.25]
    row = desk.grade()["anna"]
    assert (row["task 1"], row["total"]) == ("1.5", "3.75")
    assert desk.grade()["anna"] == row


def test_two_graders_do_not_write_one_table(desk):
    desk.hand_in("anna")
    with (
        table.Book(desk.out, {}).lock(),
        pytest.raises(UsageError, match="is being written by another `lab grade`"),
    ):
        desk.grade()


def test_records_are_plain(desk):
    desk.hand_in("anna")
    desk.grade()
    told = [
        json.loads(path.read_text(encoding="utf-8")) for path in (desk.out / "records").glob("anna*.json")
    ]
    assert told[0]["grade"]["marks"][3]["texts"] == {"why": "since it is so"}
    assert "path" not in str(told[0]["submission"]["path"])
