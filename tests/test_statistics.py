import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from compendium.statistics import Comparison, mean_interval, paired_comparison, proportion_interval

rows = arrays(np.float64, st.integers(2, 30), elements=st.floats(-10, 10).map(lambda x: round(x, 3)))


@given(rows)
@example(np.full(3, 6.324))  # whose mean is 6.324000000000001
@pytest.mark.filterwarnings("ignore:Precision loss")  # SciPy's, for equal values
def test_the_mean_has_the_interval_of_students_t_test(values):
    estimate, low, high = mean_interval(values)
    assert estimate == pytest.approx(values.mean(), abs=1e-12)
    if np.ptp(values) > 0:
        assert (low, high) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.95), abs=1e-9)
    else:
        assert low == high == estimate


def test_about_95_percent_of_intervals_hold_the_truth():
    draws = np.random.default_rng(0).normal(3, 2, (2000, 5))
    intervals = np.array([mean_interval(row) for row in draws])
    held = (intervals[:, 1] < 3) & (intervals[:, 2] > 3)
    assert held.mean() == pytest.approx(0.95, abs=0.015)


def test_a_single_value_has_no_interval_and_nothing_no_mean():
    assert mean_interval([2.0])[0] == 2
    assert np.isnan(mean_interval([2.0])[1:]).all()
    assert np.isnan(mean_interval([])).all()


def test_wilsons_interval_of_a_textbook_case():
    # Newcombe (1998), Table I: 81 of 263 and 15 of 148
    assert proportion_interval(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)
    assert proportion_interval(15, 148) == pytest.approx((0.1014, 0.0624, 0.1605), abs=5e-5)


@pytest.mark.parametrize("successes", [0, 20])
def test_a_proportion_without_variety_still_has_a_width_inside_0_and_1(successes):
    estimate, low, high = proportion_interval(successes, 20)
    assert 0 <= low <= estimate <= high <= 1
    assert high - low > 0.1


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0, 0)])
def test_an_impossible_count_is_refused(successes, trials):
    with pytest.raises(ValueError, match=r"."):
        proportion_interval(successes, trials)


@given(rows)
def test_a_comparison_is_that_of_the_paired_t_test(first):
    second = np.sin(first) + np.arange(len(first))
    compared = paired_comparison(first, second)
    low, high = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (compared.low, compared.high) == pytest.approx((low, high), abs=1e-9)
    assert compared.difference == pytest.approx((first - second).mean(), abs=1e-12)
    assert (compared.first_lower, compared.pairs) == (sum(first < second), len(first))


def test_swapping_the_sides_of_a_comparison_swaps_its_sign():
    first, second = [1.0, 2.0, 4.0], [2.0, 2.5, 3.0]
    forth, back = paired_comparison(first, second), paired_comparison(second, first)
    assert (forth.difference, forth.low, forth.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )


@pytest.mark.parametrize(
    ("ends", "below"),
    [
        ((-2.0, -1.0), True),
        ((1.0, 2.0), False),
        ((-1.0, 1.0), None),
        ((-1.0, 0.0), None),
        ((0.0, 1.0), None),
        ((np.nan, np.nan), None),
    ],
)
def test_a_comparison_is_decided_where_its_interval_is_on_one_side_of_0(ends, below):
    assert Comparison(sum(ends) / 2, *ends, first_lower=0, pairs=2).below_zero is below


def test_a_missing_value_leaves_the_mean_and_the_difference_unknown():
    assert np.isnan(mean_interval([1.0, np.nan, 2.0])).all()
    compared = paired_comparison([1.0, np.nan], [2.0, 2.0])
    assert np.isnan(compared[:3]).all()
    assert (compared.first_lower, compared.pairs, compared.below_zero) == (1, 2, None)


@pytest.mark.parametrize("values", [[np.inf, 1.0], [[1.0, 2.0]]])
def test_what_is_no_row_of_finite_numbers_is_refused(values):
    with pytest.raises(ValueError, match="finite"):
        mean_interval(values)


def test_pairs_must_match():
    with pytest.raises(ValueError, match="first has 2 values, second 3"):
        paired_comparison([1.0, 2.0], [1.0, 2.0, 3.0])
