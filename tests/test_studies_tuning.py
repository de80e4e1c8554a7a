"""What the chapter on the tuning lab computes beside what its notebook shows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from compendium import data, metrics, training
from compendium.images import as_float
from compendium.models import lab_baseline
from compendium.studies import tuning


@pytest.fixture
def study(tmp_path):
    images = data.load("digits", "test").images
    corrupt = tuning.gaussian(0.5)
    return tuning.Study(
        folder=tmp_path,
        train=images[:20],
        test=images[20:32],
        noisy=corrupt(images[20:32], 7, first_index=20),
        corrupt=corrupt,
        seed=7,
        baseline=tuning.Settings(learning_rate=0.001, batch_size=10, epochs=2),
    )


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("trained anew")

    return lambda: monkeypatch.setattr(training, "fit", refuse)


def ends(*values, method="a"):
    return pd.DataFrame({"method": method, "seed": range(len(values)), "value": values})


def test_settings_build_the_baseline_or_the_tunable_network():
    baseline = tuning.Settings(0.001, 8, 1, output_bias=-1.5)
    assert baseline.build().count_params() == 28_353
    assert baseline.build().get_layer("reconstruction").bias.numpy() == pytest.approx(-1.5)
    assert tuning.Settings(0.001, 8, 1, filters=32, batch_normalization=True).build().count_params() == 12_321


def test_a_training_is_that_of_a_plain_call(study):
    network, curve = tuning.train(study, "tuned", 8, {"epochs": 1, "output_bias": -2.0})
    training.set_seed(8)
    plain = lab_baseline()
    plain.get_layer("reconstruction").bias.assign([-2.0])
    expected = training.fit(
        plain,
        study.train,
        study.corrupt,
        validation=(study.noisy, study.test),
        epochs=1,
        batch_size=10,
        optimizer=tuning.keras.optimizers.Adam(0.001),
        seed=8,
    )
    assert curve["loss"].tolist() == expected["loss"].tolist()
    assert (curve["method"].tolist(), curve["seed"].tolist()) == (["tuned"], [8])
    np.testing.assert_array_equal(
        training.predict(network, study.noisy), training.predict(plain, study.noisy)
    )


def test_only_networks_that_the_chapter_shows_are_kept_in_the_run_s_folder(study):
    for name, seed in [("tuned", 7), ("tuned", 8), ("filters", 7)]:
        tuning.train(study, name, seed, {"epochs": 1})
    assert {path.relative_to(study.folder).as_posix() for path in study.folder.rglob("*.npz")} == {
        "tuned-7.npz",
        "trainings/tuned-8.npz",
        "trainings/filters-7.npz",
    }


def test_networks_are_trained_from_each_seed_measured_and_not_trained_again(study, no_training):
    networks = {"baseline": {"epochs": 1}, "short": {"epochs": 2, "output_bias": -2.0}}
    curves = tuning.repeated(study, "part", networks, 2)
    rows = tuning.after_training(curves, "one switch")
    assert rows["method"].tolist() == ["baseline", "baseline", "short", "short"]
    assert rows["seed"].tolist() == [7, 8, 7, 8]
    network, _ = tuning.train(study, "short", 8, networks["short"])
    expected = metrics.mse(study.test / 255, training.predict(network, study.noisy).astype(float)).mean()
    assert rows["value"].iloc[3] == expected
    no_training()
    pd.testing.assert_frame_equal(tuning.repeated(study, "part", networks, 2), curves)
    with pytest.raises(AssertionError, match="trained anew"):
        tuning.repeated(study, "part", {"baseline": {"epochs": 1}}, 2)


def test_what_plain_keras_trained_is_loaded_and_not_fitted_again(study):
    fitted, kept = [], []

    def fit():
        clean = as_float(study.train)
        fitted.append(seed)
        return pd.DataFrame(network.fit(clean, clean, verbose=0).history)

    for seed in (1, 2, 1):  # the initial weights are among what decides
        training.set_seed(seed)
        network = lab_baseline()
        network.compile("adam", "mse", jit_compile=False)
        curve = tuning.trained_once(study, "plain", network, fit)
        kept.append((curve["loss"].tolist(), training.predict(network, study.noisy)))
    assert fitted == [1, 2]
    assert kept[0][0] == kept[2][0] != kept[1][0]
    np.testing.assert_array_equal(kept[0][1], kept[2][1])
    assert (study.folder / "plain.npz").stat().st_size < 160_000  # no state of the optimizer


def test_the_search_validates_on_the_last_fifth_and_returns_its_lowest_error(study, no_training):
    def space(choose):
        return {
            "filters": choose.Int("filters", 32, 64, step=32),
            "learning_rate": choose.Choice("learning_rate", [0.01, 0.001]),
            "epochs": 1,
        }

    curves = tuning.search(study, space, trials=3)
    assert curves["method"].tolist() == ["trial 0", "trial 1", "trial 2"]
    assert len(curves[["filters", "learning_rate"]].drop_duplicates()) == 3
    chosen = curves.loc[curves["val_loss"].idxmin()]
    best = tuning.best_trial(curves)
    assert best == {"filters": chosen["filters"], "learning_rate": chosen["learning_rate"]}
    assert isinstance(best["filters"], int)  # it decides a checkpoint's identity

    first, held_back = study.train[:16], study.train[16:]
    validation = (study.corrupt(held_back, 7, first_index=16), held_back)
    name = chosen["method"]
    _, curve = tuning.train(study, name, 7, {**best, "epochs": 1}, images=first, validation=validation)
    assert curve["val_loss"].min() == chosen["val_loss"]

    rows = tuning.trials_of(study, curves)
    assert rows["value"].tolist()[:3] == curves["val_loss"].tolist()
    assert rows["value"].iloc[3] == pytest.approx(np.square(held_back / 255).mean())
    assert tuning.trial_table(rows)["MSE"].is_monotonic_increasing
    no_training()
    assert tuning.best_trial(tuning.search(study, space, trials=3)) == best


def test_a_trial_that_diverged_is_not_the_best():
    curves = pd.DataFrame(
        {
            "method": ["trial 0", "trial 1"],
            "seed": 7,
            "filters": [32, 64],
            "learning_rate": 0.1,
            tuning.OF_TRIAL: [None, 0.5],
        }
    )
    assert tuning.best_trial(curves)["filters"] == 64


def test_one_factor_at_a_time_is_taken_back_from_all_together():
    baseline = tuning.Settings(0.001, 128, 15)
    factors = {
        "filters": {"filters": 64},
        "epochs": {"epochs": 30},
        "batch size": {"batch_size": 64},
    }
    assert tuning.taken_back(baseline, factors, 10) == {
        "all five": {"filters": 64, "epochs": 10, "batch_size": 64},
        "without filters": {"filters": None, "epochs": 10, "batch_size": 64},
        "without batch size": {"filters": 64, "epochs": 10, "batch_size": 128},
    }


def test_half_of_the_epochs_is_a_part_of_the_same_training():
    curves = pd.DataFrame(
        {
            "method": ["all five"] * 8 + ["without filters"] * 4,
            "seed": [7] * 4 + [8] * 4 + [7] * 4,
            "epoch": [1, 2, 3, 4] * 3,
            "val_loss": np.arange(12.0),
        }
    )
    rows = tuning.half_way(curves, "back")
    assert rows[["method", "seed", "value"]].values.tolist() == [
        ["without epochs", 7, 1.0],
        ["without epochs", 8, 5.0],
    ]


def test_collapsed_are_networks_near_black_and_those_that_diverged():
    rows = pd.concat([ends(0.1, 0.0901, np.nan, 0.05, 0.07), ends(0.1, method="b")])
    table = tuning.collapse_table(rows, black=0.1)
    assert table["collapsed"].to_dict() == {"a": "3 of 5", "b": "1 of 1"}
    assert table["MSE of the rest"].to_dict() == {"a": "0.0600", "b": ""}


def test_the_first_pull_is_what_the_gradients_of_the_untrained_network_are(study):
    def gradient_at(p, r):
        return 2 * (p - r) * p * (1 - p)

    traces = [
        tuning.first_steps(study, name, changes, gradient_at, steps=2)
        for name, changes in [("baseline", {}), ("bias", {"output_bias": -1.9})]
    ]
    training.set_seed(7)
    outputs = training.predict(lab_baseline(), study.noisy).astype(float)
    gradient = gradient_at(outputs, study.test / 255)
    rows = tuning.first_pull(pd.concat(traces), 7).set_index(["method", "level"])["value"]
    assert rows["baseline", "net pull"] == pytest.approx(gradient.sum() / np.abs(gradient).sum())
    assert rows["baseline", "asked to be darker"] == (gradient > 0).mean()
    assert abs(rows["bias", "net pull"]) < 0.3 < rows["baseline", "net pull"]
    assert traces[0]["mean output"].is_monotonic_decreasing


def test_a_channel_that_no_image_wakes_is_dead(study):
    network = lab_baseline()
    layer = network.layers[0]
    layer.bias.assign([-1000.0] * 3 + [1000.0] * 29)
    counts = tuning.wide(tuning.dead_units(network, study.noisy, 7), "after the collapse")
    assert counts.loc["convolution 1"].tolist() == pytest.approx([32, 3, 100 * 29 / 32])
    assert len(counts) == 4


def test_the_mixture_has_the_four_noises_in_turn(study):
    kinds = tuning.noises()
    mixture = kinds.pop("all four")(study.train, 3)
    assert list(kinds) == ["Gaussian 0.25", "Gaussian 0.5", "Gaussian 1", "salt and pepper"]
    for index, kind in enumerate(kinds.values()):
        np.testing.assert_array_equal(mixture[index::4], kind(study.train, 3)[index::4])


def test_each_noise_is_tested_on_each(study, no_training):
    curves, rows = tuning.on_other_noise(study, {"epochs": 1})
    table = tuning.wide(rows, tuning.OTHER_NOISE)
    assert table.shape == (6, 4)
    noisy = tuning.noises()["Gaussian 1"](study.test, 7, 20)
    network, _ = tuning.train(study, "on all four", 7, {"epochs": 1}, corrupt=tuning.noises()["all four"])
    expected = metrics.mse(study.test / 255, training.predict(network, noisy).astype(float)).mean()
    assert table.at["all four", "Gaussian 1"] == expected
    no_training()
    again = tuning.on_other_noise(study, {"epochs": 1})
    pd.testing.assert_frame_equal(again[1], rows)
    assert set(curves["method"]) == {f"on {name}" for name in tuning.noises()}


def test_other_sizes_are_resized_and_28_is_the_network_itself(study):
    network = tuning.lab_tunable(4)
    rows = tuning.at_sizes(study, network, 4)
    errors = tuning.wide(rows, "MSE at size")
    whole = metrics.mse(study.test / 255, training.predict(network, study.noisy).astype(float)).mean()
    assert errors.at["tuned", "28"] == pytest.approx(whole, rel=1e-5)
    assert errors.at["black image", "56, four in one"] == pytest.approx(errors.at["black image", "28"])
    sides = tuning.wide(rows, "side of the output").loc["tuned"]
    assert sides.tolist() == [16, 24, 28, 32, 44, 56, 56]


def test_scores_power_correlations_and_reductions_are_what_they_say(study):
    reference = study.reference
    half = reference / 2
    rows = tuning.scores(reference, {"half": half}, {"MSE": metrics.mse})
    assert rows["value"].tolist() == [metrics.mse(reference, half).mean()]
    power = tuning.power_kept(reference, {"same": reference, "half": half})
    assert power.groupby("method")["value"].agg(["min", "max"]).loc["half"].tolist() == pytest.approx(
        [0.25] * 2
    )
    pairs = {"opposite": (reference, 1 - reference)}
    assert tuning.correlations(pairs)["value"].tolist() == pytest.approx([-1])
    errors = pd.Series({"black": 0.1, "map": 0.02, "other": 1.0})
    table = tuning.reduction_table(errors, {"ours": 0.01}, ["black", "map"])
    assert table["ours"].to_dict() == pytest.approx({"black": 90, "map": 50})


def test_figures_draw_what_they_are_given(study):
    curve = pd.DataFrame({"epoch": [1, 2], "loss": [0.1, 0.09], "val_loss": [0.11, 0.1], "seed": 7})
    other = curve.assign(seed=8)
    figure = tuning.collapse_figure(pd.concat([curve, other]), {"black image": 0.1, "mean image": 0.07})
    assert len(figure.axes[0].get_lines()) == 4
    titles = [axis.get_title() for axis in tuning.learning_figure({"a": curve, "b": other}, 0.1).axes]
    assert titles == ["a", "b"]
    image = as_float(study.test[0])
    fields = dict.fromkeys(("noise", "more", "less", "none"), image - 0.5)
    figure = tuning.fields_figure({"clean": image, "noisy": image}, fields)
    assert [axis.get_title() for axis in figure.axes[:6]] == ["clean", "noisy", *fields]


@pytest.mark.parametrize(
    "other",
    [{"seed": 8}, {"noisy": np.zeros((12, 28, 28, 1))}, {"baseline": tuning.Settings(0.01, 10, 2)}],
    ids=lambda other: next(iter(other)),
)
def test_parts_are_computed_anew_where_what_decides_them_differs(study, other):
    def part(of, runs, value):
        return of.kept("part", {"runs": runs}, lambda: pd.DataFrame({"value": [value]}))["value"].tolist()

    assert part(study, 2, 1) == part(study, 2, 3) == [1]
    assert part(study, 3, 4) == [4]
    assert part(replace(study, **other), 2, 5) == [5]
    assert part(study, 2, 6) == [1]
