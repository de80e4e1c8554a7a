"""The live figure of repeated experiments: its intervals are SciPy's, its draws are as it says."""

import numpy as np
import pytest
from scipy import stats

from compendium import statistics

PAGE = "book/seeds-and-intervals.html"
AS_OPENED = {"seeds": 5, "difference": 0.5, "shared": 0.8, "within": 0.4}
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
EXPERIMENTS = "([settings, seed]) => compendiumTrials.experiments(settings, seed)"


@pytest.fixture
def opened(chromium, html):
    """A function that opens the page from its file, offline."""
    contexts, complaints = [], []

    def open_page(**options):
        contexts.append(chromium.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.goto((html / PAGE).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def experiments(page, seed=1, **settings):
    return page.evaluate(EXPERIMENTS, [AS_OPENED | settings, seed])


def choose(page, **settings):
    for name, value in settings.items():
        page.locator(f'.trials [name="{name}"]').fill(str(value))
    page.evaluate(SETTLED)


def shown(page):
    """The numbers in the table: what is counted -> (unpaired, paired)."""
    read = """(rows) => Object.fromEntries(rows.map((row) =>
        [row.dataset.count, [...row.querySelectorAll("td")].map((cell) => parseFloat(cell.textContent))]))"""
    return page.locator(".trials [data-count]").evaluate_all(read)


def counted(found, truth):
    """What the table should have for these experiments."""
    both = [
        np.array([[one[name]["low"], one[name]["high"]] for one in found]) for name in ("unpaired", "paired")
    ]
    return {
        "holding": [((ends[:, 0] <= truth) & (truth <= ends[:, 1])).sum() for ends in both],
        "excluding": [((ends[:, 0] > 0) | (ends[:, 1] < 0)).sum() for ends in both],
        "width": [pytest.approx(np.ptp(ends, axis=1).mean(), abs=0.00501) for ends in both],
    }


# --- the experiments


def test_the_quantiles_are_scipy_s_for_every_number_of_seeds(opened):
    page = opened()
    most = int(page.locator('.trials [name="seeds"]').get_attribute("max"))
    quantiles = page.evaluate("compendiumTrials.QUANTILES")
    assert len(quantiles) == 2 * most - 2
    wanted = stats.t.ppf((1 + statistics.LEVEL) / 2, np.arange(1, 2 * most - 1))
    assert quantiles == pytest.approx(wanted, abs=0.5001e-4)


@pytest.mark.parametrize(
    "settings", [{}, {"seeds": 2, "difference": 0}, {"seeds": 30, "shared": 0, "within": 2}, {"shared": 2}]
)
def test_each_interval_is_the_one_that_python_computes(opened, settings):
    for one in experiments(opened(), **settings):
        pairs = statistics.paired_comparison(one["first"], one["partner"])
        assert [*one["paired"].values()] == pytest.approx(pairs[:3], abs=5e-4)
        apart = stats.ttest_ind(one["first"], one["stranger"]).confidence_interval(statistics.LEVEL)
        assert [one["unpaired"]["low"], one["unpaired"]["high"]] == pytest.approx(apart, abs=5e-4)


def test_the_draws_are_normal_and_those_of_two_seeds_have_nothing_in_common(opened):
    page = opened()
    first, second = (
        page.evaluate("(seed) => [...compendiumTrials.normals(seed, 12000)]", seed) for seed in (1, 2)
    )
    for draws in (first, second):
        assert stats.kstest(draws, "norm").pvalue > 0.01
        assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_spreads_and_difference_are_those_of_the_sliders(opened):
    page = opened()
    found = [one for seed in range(1, 11) for one in experiments(page, seed, seeds=30)]
    first, partner, stranger = (
        np.array([one[name] for one in found]) for name in ("first", "partner", "stranger")
    )
    assert np.std(first - partner) == pytest.approx(0.4, rel=0.02)
    assert np.mean(first - partner) == pytest.approx(0.5, abs=0.01)
    for method in (first, partner, stranger):
        assert np.std(method) == pytest.approx(np.sqrt(0.8**2 + 0.4**2 / 2), rel=0.02)
    assert abs(np.corrcoef(first.ravel(), stranger.ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("seeds", [2, 5, 30])
def test_intervals_hold_the_truth_as_often_as_they_say(opened, seeds):
    page = opened()
    found = [one for seed in range(1, 21) for one in experiments(page, seed, seeds=seeds)]
    for holding in counted(found, 0.5)["holding"]:
        assert stats.binomtest(int(holding), len(found), statistics.LEVEL).pvalue > 0.01


# --- the figure


def test_the_table_counts_what_is_drawn(opened):
    page = opened()
    for settings in (
        {},
        {"difference": 0},
        {"seeds": 2, "within": 2},
        {"seeds": 30, "shared": 0, "difference": 1},
    ):
        choose(page, **AS_OPENED | settings)
        numbers = counted(experiments(page, **settings), (AS_OPENED | settings)["difference"])
        assert shown(page) == numbers
        for place, name in enumerate(("unpaired", "paired")):
            lines = page.locator(f'[data-design="{name}"] svg .interval')
            assert lines.count() == 100
            picture = page.locator(f'[data-design="{name}"]')
            assert picture.locator(".missing").count() == 100 - numbers["holding"][place]
            assert picture.locator(".excluding").count() == numbers["excluding"][place]


def test_each_visit_begins_with_the_same_experiments_until_others_are_drawn(opened):
    page, again = opened(), opened()
    assert shown(page) == shown(again) == counted(experiments(page), 0.5)
    picture = page.locator('[data-design="paired"] svg')
    before = picture.inner_html()
    assert again.locator('[data-design="paired"] svg').inner_html() == before
    page.get_by_role("button", name="Draw again").click()
    page.evaluate(SETTLED)
    assert picture.inner_html() != before
    assert shown(page) == counted(experiments(page, 2), 0.5)


def test_a_keyboard_is_enough(opened):
    page = opened()
    seeds = page.get_by_role("slider", name="Seeds per method")
    seeds.focus()
    page.keyboard.press("ArrowRight")
    page.evaluate(SETTLED)
    assert seeds.get_attribute("aria-valuetext") == "6"
    assert shown(page) == counted(experiments(page, seeds=6), 0.5)
    page.get_by_role("slider", name="True difference").focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Draw again").focus()
    page.keyboard.press("Enter")
    page.evaluate(SETTLED)
    assert shown(page) == counted(experiments(page, 2, seeds=6, difference=0), 0)
    assert "false alarm" in page.locator(".trials .play-note").inner_text()


def test_changes_are_announced_once_the_reader_rests(opened):
    page = opened()
    said = page.locator(".trials [role=status]")
    assert said.inner_text() == ""
    choose(page, seeds=20)
    holding, excluding = (shown(page)[name][1] for name in ("holding", "excluding"))
    assert said.inner_text() == ""
    words = f"Paired: {holding:.0f} hold the true difference, {excluding:.0f} exclude zero."
    said.filter(has_text=words).wait_for(state="attached", timeout=120_000)


def test_each_control_and_picture_has_a_name(opened):
    page = opened()
    for name in (
        "Seeds per method",
        "True difference",
        "Spread between seeds",
        "Spread of the paired differences",
    ):
        assert page.get_by_role("slider", name=name).count() == 1
    pictures = page.locator(".trials").get_by_role("img", name="hold the true difference")
    assert pictures.count() == 2


def test_nothing_is_cut_off_on_a_phone(opened):
    page = opened(viewport={"width": 390, "height": 800})
    parts = page.locator(".trials :is(input, label, button, svg, table, li, .trials-axis span)")
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        beyond = "(all, width) => all.filter((one) => one.getBoundingClientRect().right > width).length"
        assert parts.evaluate_all(beyond, width) == 0


def test_without_javascript_a_figure_says_the_same(opened):
    page = opened(java_script_enabled=False)
    assert page.locator(".trials-widget").count() == 0
    target = page.locator(".trials a.reference").get_attribute("href")
    assert page.locator(f"{target} img").get_attribute("alt")
