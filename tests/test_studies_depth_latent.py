"""The study of depth and latent size: trainings that are kept, comparisons over seeds, tables."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from compendium import results, statistics, training
from compendium.models import dae
from compendium.studies import depth_latent as study

OPTIONS = {"depth": 1, "latent": 5}
SEEDS = (1, 2, 3)


class Teacher:
    """Trains networks that are only built: the curve ends at the seed, and each training is counted."""

    def __init__(self):
        self.seeds, self.checkpoints = [], []

    def __call__(self, options, seed, checkpoint):
        self.seeds.append(seed)
        self.checkpoints.append(checkpoint)
        training.set_seed(seed)
        losses = [9.0, float(seed)]
        curve = {"epoch": [1, 2], "loss": losses, "val_loss": losses, "seconds": [0.5, 0.5]}
        return dae(**options), pd.DataFrame(curve)


MEASURES = {"parameters": lambda network: float(network.count_params())}


@pytest.fixture
def teacher():
    return Teacher()


@pytest.fixture
def trainings(tmp_path, teacher):
    return study.Trainings(tmp_path, {"epochs": 2}, teacher)


def table_of(trainings, seeds=SEEDS, **options):
    return trainings.table("family", {"DAE_1_5": OPTIONS | options}, seeds, MEASURES, shown=1)


def errors_of(means, seeds=SEEDS):
    """Errors of the nine networks with a spread over the seeds that differs from network to network."""
    rng = np.random.default_rng(0)
    columns = {name: mean + 1e-4 * rng.standard_normal(len(seeds)) for name, mean in means.items()}
    return pd.DataFrame(columns, index=pd.Index(seeds, name="seed"))


def by_depth_and_latent(of_depth, of_latent):
    pairs = product(study.DEPTHS, study.LATENTS)
    return errors_of({study.name_of(d, side): of_depth[d] + of_latent[side] for d, side in pairs})


def compare(better, worse):
    found = statistics.paired_comparison(better, worse)
    return found._asdict() | {"p": stats.ttest_rel(better, worse).pvalue}


# trainings


def test_a_training_is_made_once_and_its_numbers_are_those_of_the_final_network(trainings, teacher):
    first, again = table_of(trainings), table_of(trainings)
    assert teacher.seeds == [*SEEDS]
    pd.testing.assert_frame_equal(first, again)
    final = study.numbers(first, {"parameters": "size", "loss": "last loss"}, "here")
    assert final.pivot(index="seed", columns="quantity", values="value").to_dict() == {
        "size": dict.fromkeys(SEEDS, 517),
        "last loss": {1: 1, 2: 2, 3: 3},
    }
    assert {*final["method"]} == {"DAE_1_5"}


def test_other_conditions_or_options_are_another_training(trainings, teacher, tmp_path):
    table_of(trainings, seeds=[1])
    table_of(trainings, seeds=[1], output_bias=-1.9)
    table_of(study.Trainings(tmp_path, {"epochs": 3}, teacher), seeds=[1])
    assert teacher.seeds == [1, 1, 1]
    table_of(trainings, seeds=[1])
    assert teacher.seeds == [1, 1, 1]


def test_the_checkpoints_of_one_seed_lie_where_a_run_is_published_from(trainings, teacher, tmp_path):
    table_of(trainings)
    assert teacher.checkpoints == [
        tmp_path / "family-DAE_1_5-1.npz",
        *(tmp_path / "trainings" / f"family-DAE_1_5-{seed}.npz" for seed in SEEDS[1:]),
    ]
    trainings.network("family", "DAE_1_5", OPTIONS, 1)
    assert teacher.checkpoints[-1] == teacher.checkpoints[0]


def test_a_network_that_is_shown_leaves_its_weights(trainings, tmp_path):
    network = trainings.network("family", "DAE_1_5", OPTIONS, 1)
    assert [path.name for path in tmp_path.glob("*.h5")] == ["DAE_1_5.weights.h5"]
    same = dae(**OPTIONS)
    same.load_weights(tmp_path / "DAE_1_5.weights.h5")
    for kept, trained in zip(same.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, trained)


def test_a_training_that_diverged_is_kept_with_numbers_missing(tmp_path):
    def diverge(options, seed, checkpoint):
        lost = {"epoch": [1], "loss": [0.3], "val_loss": [np.nan], "seconds": [0.5]}
        return dae(**options), pd.DataFrame(lost)

    trainings = study.Trainings(tmp_path, {}, diverge)

    def measure(network):
        raise ValueError("Input X contains NaN.")  # as the judge says of its images

    table = trainings.table("family", {"DAE_1_5": OPTIONS}, [1], {"MSE": measure})
    assert table[["val_loss", "MSE"]].isna().all(axis=None)
    references = {"noisy input": 0.2, "black image": 0.1, "mean image": 0.05}
    errors = pd.DataFrame({"DAE_1_5": [np.nan]}, index=pd.Index([1], name="seed"))
    (row,) = study.judged(errors, references, table, "noise").to_dict("records")
    assert (row["outcome"], row["seed"], row["level"]) == ("diverged", 1, "noise")


def test_the_curves_of_the_record_are_the_trainings_without_their_numbers(trainings):
    empty = trainings.table("none", {}, SEEDS, MEASURES)
    table = table_of(trainings)
    pd.testing.assert_frame_equal(study.curves([empty, table]), table[study.CURVES])
    assert study.numbers(empty, {"parameters": "size"}, "here").empty


# what is measured


def test_variation_and_distances_tell_an_average_from_the_image():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    prototypes = rng.random((2, 28, 28, 1)).astype(np.float32)
    clean = (prototypes[labels] + 0.1 * rng.random((40, 28, 28, 1)).astype(np.float32)) / 1.1
    images = study.Images(clean, clean, labels, clean, clean, clean, clean, labels)

    class Judge:
        def score(self, rows, labels):
            return float(rows.shape == (40, 784))

    measures = study.output_measures(images, 2, Judge())
    mean = np.broadcast_to(clean.mean(axis=0), clean.shape)
    classes = np.stack([clean[labels == label].mean(axis=0) for label in (0, 1)])[labels]
    found = {
        name: {quantity: measure(outputs) for quantity, measure in measures.items()}
        for name, outputs in (("clean", clean), ("mean", mean), ("class", classes))
    }
    assert found["clean"]["variation kept"] == 1
    assert found["mean"]["variation kept"] == pytest.approx(0, abs=1e-6)
    assert 0.5 < found["class"]["variation kept"] < 1
    assert found["clean"]["test MSE"] == found["mean"]["distance to the mean digit"] == 0
    assert found["class"]["distance to the mean of its class"] == pytest.approx(0, abs=1e-12)
    assert found["class"]["test MSE"] == pytest.approx(np.square(clean - classes).mean(), rel=1e-4)
    assert found["mean"]["accuracy"] == 1

    network = dae(1, 5)
    of_network = study.network_measures(images, measures)
    outputs = training.predict(network, clean)
    assert of_network["test MSE"](network) == measures["test MSE"](outputs)
    assert of_network["training MSE"](network) == study.error(clean, outputs)


def test_widths_and_paddings_come_closest_to_the_wanted_number_of_parameters():
    def count(depth, latent, width=16, padding=0):
        return depth * latent * (9 * width + padding**2)

    for depth, option in ((1, "padding"), (3, "width")):
        (name, value), *others = study.matched_options(depth, 5, 900, count).items()
        assert (name, others) == (option, [])
        distances = {v: abs(count(depth, 5, **{option: v}) - 900) for v in (value - 1, value, value + 1)}
        assert min(distances, key=distances.get) == value


# comparisons


def test_the_twelve_pairs_are_neighbours_that_differ_in_one_thing():
    pairs = study.neighbours()
    assert len({*pairs}) == 12
    for kind, better, worse in pairs:
        (_, d, side), (_, other_d, other_side) = better.split("_"), worse.split("_")
        assert (kind == "latent") == (d == other_d)
        assert (kind == "depth") == (side == other_side)
        assert int(d) >= int(other_d)
        assert int(side) >= int(other_side)


def test_orders_are_those_of_the_paired_test_with_holm_s_correction():
    errors = by_depth_and_latent({5: 0.01, 3: 0.011, 1: 0.02}, {13: 0.002, 8: 0.002, 5: 0.0})
    found = study.orders(errors, compare)
    assert len(found) == 12
    table = study.table_of_orders(found)
    assert {*table.xs("depth", level="differs")["order"]} == {"holds"}
    assert {*table.xs(("DAE_5_8", "DAE_5_5"), level=("better", "worse"))["order"]} == {"reversed"}
    p = found["p"].sort_values()
    corrected = (p * np.arange(12, 0, -1)).cummax().clip(upper=1)
    pd.testing.assert_series_equal(found["corrected"].loc[p.index], corrected, check_names=False)
    rows = study.order_rows(found, "test MSE")
    value = rows.set_index("method").at["depth: DAE_5_13 < DAE_3_13", "value"]
    assert value == found.at[("depth", "DAE_5_13", "DAE_3_13"), "corrected"]


@pytest.mark.parametrize(("low", "high", "order"), [(-2, -1, "holds"), (1, 2, "reversed"), (-1, 1, "open")])
def test_an_order_is_judged_by_its_interval(low, high, order):
    assert study.verdict(low, high) == order


def test_networks_that_a_run_leaves_out_are_in_no_comparison():
    errors = by_depth_and_latent({5: 1, 3: 2, 1: 3}, {13: 1, 8: 2, 5: 3})
    some = errors[["DAE_5_13", "DAE_5_8", "DAE_3_5"]]
    assert [*study.orders(some, compare).index] == [("latent", "DAE_5_13", "DAE_5_8")]
    assert [*study.steps(some)] == ["depth 5"]
    assert study.costs(some, "width").empty
    one = errors[["DAE_5_13"]]
    for table in (study.table_of_orders(study.orders(one, compare)), study.table_of_steps(study.steps(one))):
        assert table.empty
    measured = study.joined(study.rows("test MSE", {"affine": 1.0}, "noise"), study.costs(one, "width"))
    assert study.table_of_costs(measured).empty
    assert study.table_of_depths(measured).empty


@pytest.mark.filterwarnings("error")
def test_of_one_seed_no_interval_is_told():
    errors = by_depth_and_latent({5: 1, 3: 2, 1: 3}, {13: 1, 8: 2, 5: 3}).iloc[:1]
    found = study.orders(errors, compare)
    table = study.table_of_orders(found)
    assert {*table["order"]} == {"open"}
    assert {*found["corrected"]} == {1}
    shown = (table, study.table_of_errors(errors), study.table_of_steps(study.steps(errors)))
    for one in shown:
        assert "nan" not in one.to_string()


def test_costs_are_the_rises_over_the_whole_range_seed_by_seed():
    errors = by_depth_and_latent({5: 0.01, 3: 0.012, 1: 0.015}, {13: 0.001, 8: 0.002, 5: 0.004})
    costs = study.costs(errors, "width").pivot(index="seed", columns="method", values="value")
    shallow, deep = (errors[[study.name_of(d, side) for side in study.LATENTS]].mean(axis=1) for d in (1, 5))
    np.testing.assert_allclose(costs["depth"], shallow - deep)
    small, large = (errors[[study.name_of(d, side) for d in study.DEPTHS]].mean(axis=1) for side in (5, 13))
    np.testing.assert_allclose(costs["latent"], small - large)
    table = study.table_of_costs(study.costs(errors, "width"))
    mean, low, high = statistics.mean_interval(1e4 * (costs["depth"] - costs["latent"]))
    assert table.at["width", "depth minus latent"] == f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def test_steps_compare_the_shallowest_with_the_deepest():
    errors = by_depth_and_latent({5: 0.01, 3: 0.012, 1: 0.015}, {13: 0.001, 8: 0.002, 5: 0.004})
    table = study.table_of_steps(study.steps(errors))["increase"]
    rise = {d: errors[f"DAE_{d}_8"] - errors[f"DAE_{d}_13"] for d in (1, 5)}
    mean = 1e4 * (rise[1] - rise[5]).mean()
    assert table["depth 1 minus depth 5"].startswith(f"{mean:+.1f} (")
    assert [*table.index] == ["depth 5", "depth 3", "depth 1", "depth 1 minus depth 5"]


# tables


def test_table_1_has_the_report_s_latents_and_counts_that_agree():
    table = study.table_of_networks(2, lambda depth, latent: dae(depth, latent, width=2).count_params())
    assert [*table.index] == [*study.nine_networks()]
    assert (table["parameters"] == table["by hand"]).all()
    assert (table["kept, %"] == table["report, %"]).all()
    assert [*table["layers"].unique()] == [10, 6, 2]


def test_errors_stand_by_depth_and_latent_with_half_their_intervals():
    errors = by_depth_and_latent({5: 0.01, 3: 0.012, 1: 0.015}, {13: 0.001, 8: 0.002, 5: 0.004})
    table = study.table_of_errors(errors)
    assert [*table.index], [*table] == (["depth 5", "depth 3"], ["latent 13", "latent 8", "latent 5"])
    mean, low, high = statistics.mean_interval(errors["DAE_3_8"])
    assert table.at["depth 3", "latent 8"] == f"{mean:.4f} ± {(high - low) / 2:.4f}"
    assert study.table_of_errors(errors[["DAE_1_8"]]).shape == (1, 1)
    assert study.table_of_errors(errors[[]]).empty


def test_networks_that_give_one_image_for_all_are_counted():
    values = {"variation kept": [0.7, 0.0, 0.001], "training MSE": [0.1] * 3, "test MSE": [0.2] * 3}
    measured = pd.concat(
        pd.DataFrame({"value": of, "seed": SEEDS}).assign(
            quantity=f"{quantity}, deeper", method="DAE_9_5", level="he_uniform"
        )
        for quantity, of in values.items()
    )
    (row,) = study.table_of_depths(measured).reset_index().to_dict("records")
    assert (row["kernels"], row["depth"], row["blank"]) == ("He", 9, "2 of 3")
    assert (row["test MSE"], row["variation kept"]) == ("0.2000", "0.23")


def test_gaps_are_validation_minus_training_over_the_seeds():
    values = {
        "validation MSE": [3.0, 4, 5],
        "training MSE": [2.0, 2, 2],
        "training loss of the last epoch": [4.0] * 3,
    }
    measured = pd.concat(
        pd.DataFrame({"value": of, "seed": SEEDS}).assign(
            quantity=quantity, method="DAE_1_5", level="noise", image=None
        )
        for quantity, of in values.items()
    )
    table = study.table_of_gaps(measured[results.METRIC_COLUMNS])
    assert table.at["DAE_1_5", "final network"].startswith("+200000.0 (")
    assert table.at["DAE_1_5", "in the curves"] == "+0.0"
