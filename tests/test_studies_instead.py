"""What the chapter on what to use instead shows: tables, comparisons, costs, shift, pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from compendium import baselines, data, metrics, models
from compendium.errors import UsageError
from compendium.leaderboard import methods, scores, tasks
from compendium.leaderboard.networks import Recipe
from compendium.studies import instead as study

N = 12


@pytest.fixture(scope="module")
def problems():
    """By task and level, on embedded images."""
    return {
        name: tasks.problems(
            tasks.task(name), data.load(found), data.load(found, "test"), train_images=50, test_images=N
        )
        for name, found in (("salt-pepper", "photos"), ("gaussian-mnist", "digits"))
    }


@pytest.fixture(scope="module")
def scored(problems):
    """Interpolation, the noisy input, a network that is ahead of both and one that is behind."""

    def near(distance):
        def fit(problem, seed):
            clean = problem.test / 255
            return lambda noisy: (clean + distance).clip(0, 1)

        return fit

    found = {}
    for task, levels in problems.items():
        compared = [
            methods.untrained("noisy input", lambda noisy: noisy),
            methods.untrained("linear interpolation", study.by_mask),
            methods.fitted("CAE", near(0.5), trained=True),
            methods.fitted("U-Net", near(0.01), trained=True),
        ]
        found[task] = scores.scored(levels, compared, examples=study.EXAMPLES)
    return found


def test_networks_are_marked_and_methods_ranked_by_the_first_level(scored):
    table = study.errors(scored["salt-pepper"])
    assert table.index[:2].tolist() == ["U-Net *", "linear interpolation"]
    assert "CAE *" in table.index
    assert table.columns.tolist() == ["30 %", "60 %", "90 %"]
    assert table["30 %"].astype(float).is_monotonic_increasing


def test_each_network_is_compared_with_the_best_that_is_not_trained(scored):
    table = study.against(scored["salt-pepper"])
    assert len(table) == 6
    assert (table["other"] == "linear interpolation").all()
    assert (table.loc[table["method"] == "U-Net", "difference"] < 0).all()
    assert (table.loc[table["method"] == "CAE", "difference"] > 0).all()
    best = study.best(table)
    assert best["network"].tolist() == ["U-Net"] * 3
    assert best.index.tolist() == ["30 %", "60 %", "90 %"]
    rows = study.against_rows("salt-pepper", table)
    one = rows.query("level == 'salt and pepper, 60 %' and method == 'U-Net, difference'")["value"].item()
    errors = scored["salt-pepper"].errors["60 %"]
    assert one == pytest.approx((errors["U-Net"] - errors["linear interpolation"]).mean())


def test_every_quantity_of_the_record_has_a_definition(scored, problems):
    level = problems["salt-pepper"]["60 %"]
    methods_shown = ["linear interpolation", "U-Net"]
    costs = study.costs(scored["salt-pepper"], [Recipe("U-Net", models.unet)], (32, 32, 3))
    shifted = study.shift({"same": lambda noisy: noisy}, *study.noises(problems))
    tables = [
        study.titled(scored),
        study.against_rows("salt-pepper", study.against(scored["salt-pepper"])),
        study.cost_rows("salt-pepper", costs),
        study.shift_rows(shifted),
        study.power_rows(study.power_kept(scored["salt-pepper"], level, methods_shown)),
    ]
    for table in tables:
        assert {"method", "level", "quantity", "value"} <= {*table.columns}
        assert {*table["quantity"]} <= {*study.DEFINITIONS}
        assert table["value"].notna().all()


def test_costs_are_counts_of_networks_and_times_of_all(scored):
    table = study.costs(scored["salt-pepper"], [Recipe("U-Net", models.unet)], (32, 32, 3))
    assert table.loc["U-Net", "parameters"] == 118_307
    assert np.isnan(table.loc["linear interpolation", "parameters"])
    assert (table["milliseconds per image"] >= 0).all()
    shown = study.cost_table(table)
    assert shown.index.tolist() == ["U-Net"]
    assert shown.loc["U-Net", "parameters"] == "118,307"
    ratio = table["milliseconds per image"]["U-Net"] / table["milliseconds per image"]["linear interpolation"]
    assert shown.iloc[0, -1] == f"{ratio:.2f}"


def test_only_what_nothing_beats_in_both_is_named_beside_its_point(scored):
    figure = study.cost_and_error(scored, {"salt-pepper": "60 %", "gaussian-mnist": "sigma 0.5"})
    board = scored["salt-pepper"].board("60 %")
    named = {text.get_text() for text in figure.axes[0].texts}
    for name in board.index:
        better = (board["MSE"] < board.loc[name, "MSE"]) & (
            board["milliseconds per image"] <= board.loc[name, "milliseconds per image"]
        )
        assert (name in named) != better.any()
    plt.close(figure)


def test_methods_are_tried_on_the_noise_of_other_tasks_and_of_none(problems):
    clean, noisy = study.noises(problems)
    levels = [study.title("salt-pepper", level) for level in problems["salt-pepper"]]
    assert [*noisy] == [*levels, *tasks.OTHER_NOISE]
    table = study.shift({"same": lambda images: images, "interpolated": study.by_mask}, clean, noisy)
    assert table.loc["same", levels[0]] == pytest.approx(
        metrics.mse(clean / 255, noisy[levels[0]].astype(float)).mean()
    )
    assert (table.loc["interpolated", levels] < table.loc["same", levels]).all()
    figure = study.shift_figure(table)
    assert len(figure.axes[0].texts) == table.size
    plt.close(figure)


def test_noise_outside_the_range_can_be_interpolated():
    noisy = np.linspace(-0.5, 1.5, 3 * 8 * 8 * 3, dtype=np.float32).reshape(3, 8, 8, 3)
    np.testing.assert_array_equal(study.by_mask(noisy), baselines.linear(noisy.clip(0, 1)))


def test_pictures_show_where_two_denoisers_differ_most(scored, problems):
    problem, of_task = problems["salt-pepper"]["60 %"], scored["salt-pepper"]
    shown = {"linear interpolation": study.by_mask, "U-Net": lambda noisy: noisy}
    figure, gain = study.differing(problem, of_task, shown, shown=2)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    order = gain.sort_values().index
    assert titles == [f"image {index}" for index in [order[-1], order[-2], order[0], order[1]]]
    plt.close(figure)
    figure = study.strip(problem, of_task, ["U-Net"], shown=3)
    assert len(figure.axes) == 9
    plt.close(figure)


def test_an_unknown_network_and_none_are_told_with_the_known_ones():
    with pytest.raises(UsageError, match=r'"U-net".*U-Net'):
        study.recipes("gaussian-mnist", ["U-net"])
    with pytest.raises(UsageError, match="at least one of DAE_5_13"):
        study.recipes("gaussian-mnist", [])


def test_the_leaderboard_is_read_from_a_record(scored):
    record = {"metrics": study.titled(scored).to_dict("records")}
    table = study.leaderboard(record, "salt-pepper")
    assert table.index.get_level_values(0).unique().tolist() == ["30 %", "60 %", "90 %"]
    for level, of_level in table.groupby(level=0):
        board = scored["salt-pepper"].board(level)
        assert of_level["MSE"].astype(float).is_monotonic_increasing
        low, high = of_level.loc[(level, "U-Net *"), "95 % interval"].split(" to ")
        ends = board.loc["U-Net", ["low", "high"]].tolist()
        assert [float(low), float(high)] == pytest.approx(ends, abs=1e-5)
    digits = study.leaderboard(record, "gaussian-mnist")
    assert len(digits) == 4
    assert "noisy input" in digits.index.get_level_values(1)
