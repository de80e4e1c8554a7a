"""The rule that gives a verdict: margins, intervals, tests that are corrected together."""

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from compendium import claims, statistics
from compendium.claims import checks, rules
from compendium.claims.rules import (
    FAILS,
    HOLDS,
    KINDS,
    MARGINS,
    NOT_TESTABLE,
    UNDECIDED,
    Found,
    Margin,
    Printed,
    PValues,
    judge,
)


def outcome_of(published, found, **conditions):
    return judge(published, found, **conditions)[0]


def test_a_printed_number_is_known_to_half_a_unit_of_its_last_digit():
    assert outcome_of(Printed("9.70"), Found(9.7049)) == HOLDS
    assert outcome_of(Printed("9.70"), Found(9.7051)) == FAILS
    assert outcome_of(Printed("9.7"), Found(9.7051)) == HOLDS
    assert outcome_of(Printed("1.0e-08"), Found(1.2e-8)) == FAILS
    assert outcome_of(28353, Found(28354)) == FAILS
    assert outcome_of(Printed("9.70"), Found(9.9), tolerance=0.2) == HOLDS


@given(st.decimals(-1000, 1000, places=3), st.floats(-0.9, 0.9))
def test_what_rounds_to_the_printed_number_agrees_with_it(number, part):
    assert rules.agrees(Printed(str(number)), float(number) + part * 0.0005)
    assert not rules.agrees(Printed(str(number)), float(number) + 0.0006)


@given(
    published=st.floats(-10, 10) | st.integers() | st.text() | st.booleans() | st.just([1, "a"]) | st.none(),
    found=st.builds(
        Found,
        ours=st.none() | st.floats(-10, 10) | st.text() | st.booleans() | st.just([1, "a"]),
        holds=st.sampled_from([None, True, False]),
        short=st.sampled_from([None, "fewer epochs"]),
        lacks=st.sampled_from([None, "a run"]),
        left_out=st.sampled_from([None, "its classifier"]),
        unchecked=st.sampled_from([None, "left out"]),
    ),
)
def test_every_finding_has_one_outcome_or_is_refused(published, found):
    undecidable = found.unchecked or found.short or found.lacks
    if not undecidable and found.holds is None and rules.agrees(published, found.ours) is None:
        with pytest.raises(ValueError, match="neither a value"):
            judge(published, found)
        return
    outcome = outcome_of(published, found)
    if found.unchecked:
        assert outcome == NOT_TESTABLE
    elif found.short or found.lacks:
        assert outcome == UNDECIDED
    else:
        holds = found.holds if found.holds is not None else rules.agrees(published, found.ours)
        assert outcome == (HOLDS if holds else NOT_TESTABLE if found.left_out else FAILS)


def test_each_kind_of_evidence_has_words_of_its_own():
    words = [claims.word(kind, outcome) for kind in KINDS for outcome in (HOLDS, FAILS)]
    assert len(words) == len(set(words))
    assert {claims.word(kind, UNDECIDED) for kind in KINDS} == {"undecided"}
    assert {claims.word(kind, NOT_TESTABLE) for kind in KINDS} == {"not testable"}


def test_conditions_short_of_the_papers_decide_nothing():
    for ours in (0.95, 0.80):
        assert outcome_of(Printed("0.95"), Found(ours, short="40 epochs")) == UNDECIDED
    assert outcome_of(None, Found("yes", holds=True, short="40 epochs")) == UNDECIDED


def test_what_the_paper_leaves_out_lets_ours_agree_and_nothing_else():
    for found, outcome in (
        (Found(20.6, left_out="its classifier"), HOLDS),
        (Found(70.5, left_out="its classifier"), NOT_TESTABLE),
    ):
        assert outcome_of(Printed("20.6"), found) == outcome
    found = Found("+0.1 points", left_out="its classifier")
    for test, outcome in ((PValues(0.5, 0.5), UNDECIDED), (PValues(0.9, 0.001), NOT_TESTABLE)):
        assert outcome_of(None, found, test=test) == outcome


MARGIN = Margin(0.1, "", "for a test")


@pytest.mark.parametrize(
    ("published", "runs", "outcome"),
    [
        (1.0, [0.99, 1.0, 1.01], HOLDS),
        (1.0, [0.8, 1.0, 1.2], UNDECIDED),  # in the middle of our runs, but these are too far apart
        (1.4, [0.8, 1.0, 1.2], UNDECIDED),  # where one more of our runs may be
        (1.3, [0.99, 1.0, 1.01], FAILS),
        (1.11, [0.99, 1.0, 1.01], UNDECIDED),  # the interval lies across the end of the margin
    ],
)
def test_a_number_of_a_training_is_held_against_the_interval_of_our_mean(published, runs, outcome):
    assert outcome_of(published, Found(1.0, runs=runs), margin=MARGIN) == outcome


runs_of_one = st.lists(st.floats(-1, 1), min_size=2, max_size=20)


@given(runs=runs_of_one, off=st.floats(0.11, 5), times=st.integers(1, 50))
def test_more_seeds_never_make_a_false_number_true(runs, off, times):
    """Our mean is off by more than the margin, however often the same runs are made again."""
    mean = sum(runs) / len(runs)
    for side in (-1, 1):
        many = [value - mean + side * off for value in runs] * times
        assert outcome_of(0.0, Found(side * off, runs=many), margin=MARGIN) != HOLDS


@given(runs=runs_of_one, wider=st.floats(1, 100), published=st.floats(-2, 2))
def test_a_wider_spread_of_our_runs_confirms_and_refutes_nothing(runs, wider, published):
    mean = sum(runs) / len(runs)
    spread = [mean + wider * (value - mean) for value in runs]
    before = outcome_of(published, Found(mean, runs=runs), margin=MARGIN)
    after = outcome_of(published, Found(mean, runs=spread), margin=MARGIN)
    assert after in (before, UNDECIDED)


@given(runs=runs_of_one, published=st.floats(-2, 2))
def test_a_larger_margin_turns_no_number_from_true_to_false(runs, published):
    found = Found(0.0, runs=runs)
    order = [FAILS, UNDECIDED, HOLDS]
    outcomes = [outcome_of(published, found, margin=Margin(size, "", "")) for size in (0.05, 0.1, 0.5, 2)]
    assert outcomes == sorted(outcomes, key=order.index)


def test_a_margin_in_per_cent_is_of_the_printed_number():
    assert MARGINS["MSE"].of(0.02) == pytest.approx(0.001)
    assert MARGINS["PSNR"].of(20) == 0.21


def order_of(*differences):
    first = pd.Series(differences, dtype=float)
    return checks.order("a minus b", first, 0 * first)


def test_an_order_is_scipys_paired_t_test():
    one = order_of(-0.3, -0.1, -0.2, 0.1)
    expected = stats.ttest_rel([-0.3, -0.1, -0.2, 0.1], [0] * 4, alternative="less")
    assert one.below == pytest.approx(expected.pvalue)
    assert one.above == pytest.approx(1 - expected.pvalue)
    interval = statistics.paired_comparison([-0.3, -0.1, -0.2, 0.1], [0] * 4)
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high))
    assert (one.lower, one.pairs) == (3, 4)


def test_equal_differences_are_no_matter_of_chance():
    assert (order_of(-1, -1).below, order_of(-1, -1).above) == (0, 1)
    assert (order_of(0, 0).below, order_of(0, 0).above) == (1, 1)


def test_several_orders_hold_only_together_and_one_reversed_refutes_them():
    sure, unsure, reversed_ = order_of(-1, -1.1, -0.9), order_of(-1, 1, 0.1), order_of(1, 1.1, 0.9)
    assert Found("", orders=[sure, unsure]).chance.holds == unsure.below
    both = Found("", orders=[sure, reversed_]).chance
    assert both.holds > 0.9
    assert both.fails == pytest.approx(2 * reversed_.above)


def test_what_is_short_of_the_paper_is_no_test():
    assert Found("", orders=[order_of(-1, -1.1)], short="40 epochs").chance is None
    assert Found("", test=PValues(0.01, 1), lacks="a run").chance is None


def test_a_papers_tests_are_corrected_together():
    family = [PValues(0.001, 0.9), PValues(0.02, 0.7), PValues(0.04, 0.5), PValues(0.6, 0.004)]
    corrected = rules.corrected(family)
    assert [one.holds for one in corrected] == pytest.approx([0.004, 0.06, 0.08, 0.6])  # Holm's own steps
    assert [one.fails for one in corrected] == pytest.approx([1, 1, 1, 0.016])
    with_another = rules.corrected([*family, PValues(0.5, 0.5)])
    assert all(more.holds >= one.holds for more, one in zip(with_another, corrected, strict=False))


def test_one_claim_alone_is_not_corrected():
    assert rules.corrected([PValues(0.02, 0.9)]) == [PValues(0.02, 0.9)]
    assert rules.corrected([]) == []


def test_lists_mappings_and_texts_are_compared_item_by_item():
    assert rules.agrees([1, Printed("0.5")], [1, 0.52])
    assert not rules.agrees([1, 2], [1, 2, 3])
    assert not rules.agrees({"output": "4x4x8", "count": 584}, {"output": "8x8x8", "count": 584})
    assert rules.agrees({"parameters": 584}, {"parameters": 584, "output": "8x8x8"})
    assert rules.agrees("Conv  2D", "conv 2d")


def test_what_was_found_comes_back_from_a_file():
    found = Found("x", "how", orders=[order_of(-1, -2.0)], runs=[1.0], test=PValues(0.1, 0.2))
    assert Found.read(json.loads(json.dumps(found.plain()))) == found
