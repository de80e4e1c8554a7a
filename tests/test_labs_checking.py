"""What checks have in common: points in parts, and hints that say what was tried and what came back."""

import numpy as np
import pytest
from tiny_lab import LAB

from compendium.errors import CompendiumError
from compendium.labs import source
from compendium.labs.checking import (
    Absent,
    Hint,
    about,
    array,
    equal,
    evaluate,
    expect,
    handed_in,
    number,
    one_of,
    part,
    task,
)

IMAGE = np.arange(12.0).reshape(3, 4)


@task(1, "Scale", kind="code", points=4)
def scale_check(scale, factor):
    with part("values", points=2):
        expect(np.array_equal(array(scale(IMAGE, 2), (3, 4)), 2 * IMAGE), "Those are not twice the values.")
    with part("rows", points=1.5):
        row = array(scale(np.ones(2), by=3), (2,))
        expect(np.array_equal(row, [3, 3]), "One row is not right.")
    expect(about(number(factor), 9.6147), "factor: look again.", part="factor", points=0.5)


def scale(image, by):
    return by * image


def heard(answer, factor=9.6147):
    return str(evaluate(scale_check, answer, factor))


def test_parts_after_one_that_failed_are_tried_and_earn_their_points():
    assert heard(scale) == "Task 1: pass"
    assert heard(lambda image, by: by * image if image.ndim == 1 else image + by) == (
        "Task 1: 2 of 4 points so far. values: not yet; rows: pass; factor: pass. Those are not twice the "
        "values. `scale(<array 3 x 4, 0 to 11>, 2)` gave <array 3 x 4, 2 to 13>."
    )
    result = evaluate(scale_check, scale, 3)
    assert (result.points, result.hint) == (3.5, "factor: look again. Yours is 3.")


def test_a_change_in_place_costs_the_first_part_that_sees_it():
    def spoils(image, by):
        image *= by
        return image

    result = evaluate(scale_check, spoils, 9.6)
    assert result.parts == (("values", False), ("rows", True), ("factor", True))
    assert result.hint.startswith(
        "`scale(<array 3 x 4, 0 to 11>, 2)` has changed its first argument in place"
    )
    assert IMAGE[0, 1] == 1


def test_a_change_in_place_is_seen_in_lists_and_in_functions_that_functions_return():
    @task(1, "T", kind="code", points=1)
    def check(make):
        make("x")([3, 1, 2])

    def sorts(values):
        values.sort()
        return values

    assert "`make('x')([3, 1, 2])` has changed its first argument" in str(evaluate(check, lambda _: sorts))
    assert str(evaluate(check, lambda _: sorted)) == "Task 1: pass"


class MuteError(Exception):
    def __str__(self):
        raise ValueError


def mute(image, by):
    raise MuteError


def stops(image, by):
    raise KeyError("red")


def unwritten(image, by):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda image, by: print(end=""), "gave None: does it end with `return`?"),
        (unwritten, "Not written yet: put your lines in place of `raise NotImplementedError` of `scale`."),
        (stops, "`scale(<array 3 x 4, 0 to 11>, 2)` stopped with KeyError: 'red'. Try such a call"),
        (mute, "stopped with MuteError:. Try such a call"),
        (..., "Not answered yet: put your answer for `scale` in place of `...`."),
        (Absent("There is no `scale`."), "There is no `scale`."),
        (lambda image, by: [1, "x"], "Numbers are needed, all in one array, not what this list holds."),
        (lambda image, by: image[0], "The shape is (4,), it should be (3, 4)."),
    ],
)
def test_what_is_the_same_in_all_tasks_is_said_in_each(answer, said):
    result = evaluate(scale_check, answer, 9.6147)
    assert result.points == 0.5  # the other answer is right
    assert said in result.hint


def test_a_function_out_of_time_is_not_called_again():
    calls = []

    def late(image, by):
        calls.append(by)
        raise TimeoutError("longer than 3 seconds")

    assert "stopped with TimeoutError: longer than 3 seconds" in heard(late)
    assert len(calls) == 1


def test_the_answer_that_a_hint_is_about_is_named():
    @task(1, "T", kind="predict", points=1)
    def check(prediction, observed):
        one_of(prediction, "ab")
        one_of(observed, "ab")

    said = 'answer with one of "a", "b", in quotation marks. Yours is'
    assert evaluate(check, "a", "c").hint == f"observed: {said} 'c'."
    assert evaluate(check, "c", "c").hint == f"prediction: {said} 'c'."
    assert evaluate(check, "a", None).hint == f"observed: {said} None."


@pytest.mark.parametrize(("given", "right"), [(9.6, True), (9.61, True), (10, False), (9.5, False)])
def test_rounding_is_no_misunderstanding(given, right):
    assert about(given, np.log2(784)) == right


def test_whatever_an_answer_is_it_gets_a_hint():
    @task(1, "T", kind="predict", points=1)
    def check(observed):
        one_of(observed, "ab")

    deep = []
    for _ in range(900):
        deep = [deep]
    for answer in (10**5000, deep, np.longdouble(1), {"a": 1}, 1j, float("nan")):
        assert evaluate(check, answer).hint.startswith("observed: answer with one of")
        assert "values: not yet" in heard(lambda image, by, answer=answer: answer)


def test_a_check_that_is_called_without_its_answers_says_which_it_takes():
    assert str(evaluate(scale_check)).endswith("Put scale, factor between the check's parentheses.")


def test_a_text_that_is_too_short_is_read_all_the_same():
    @task(1, "T", kind="explain", points=4)
    def check(why):
        handed_in(why, words=9)

    result = evaluate(check, "Since it is so.")
    assert (result.by_hand, result.points, result.hint[:16]) == (True, 0, "4 words so far; ")
    assert not evaluate(check, ...).by_hand


def test_points_of_parts_that_are_computed_are_refused(tmp_path):
    (tmp_path / "tiny.md").write_text(LAB.replace("points=1.5", "points=HALF", 1), encoding="utf-8")
    with pytest.raises(CompendiumError, match="task 1: the name and the points of a part are written out"):
        source.read(tmp_path / "tiny.md")


def test_a_function_that_rounds_is_told_so_and_one_that_is_near_by_chance_is_not():
    assert equal(9.614709844115209, np.log2(784))
    with pytest.raises(Hint, match="the right number, rounded"):
        equal(9.61, np.log2(784))
    assert not equal(9.62, np.log2(784))


def test_parts_whose_points_are_not_those_of_the_task_are_refused(tmp_path):
    (tmp_path / "tiny.md").write_text(LAB.replace("points=1.5", "points=2", 1), encoding="utf-8")
    with pytest.raises(CompendiumError, match=r"task 1: its parts have 2 \+ 1.5 points, the task 3"):
        source.read(tmp_path / "tiny.md")
