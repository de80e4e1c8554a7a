"""The experiment of the chapter "latent-filtering": its draws, its filter, its control and its tables."""

from dataclasses import fields, replace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from compendium import chapters, data, latent, project
from compendium.errors import UsageError
from compendium.studies import latent_filtering as study

SETTINGS = study.Settings(
    test_images=30,
    synthesis_by="augmentation",
    synthesised_limit=1000,
    augmentation=[20, 0.2, 0.2],
    gan_steps=2,
    vae_widths=[2, 3, 8, 4],
    vae_steps=1,
    beta=1.0,
    latent_point="mean",
    sphere_centre="mean",
    sphere_metric="euclidean",
    sphere_share=0.95,
    classifier_widths=[2, 3, 4],
    classifier_steps=7,
    batch_size=50,
    learning_rate=0.003,
    seed=42,
)


@pytest.fixture(scope="module")
def sets():
    return {name: (data.load(name), data.load(name, "test")) for name in ("digits", "photos")}


@pytest.fixture(scope="module")
def here(sets):
    return study.draw_originals(sets, "digits", 5, 1, SETTINGS)


@pytest.fixture(scope="module")
def choose():
    """The function of that name that the chapter shows: it makes the arms."""
    cells = nbformat.read(project.chapter_path("latent-filtering"), 4).cells
    (source,) = [cell.source for cell in cells if cell.source.startswith("def choose(")]
    names = {"np": np}
    exec(compile(source, "choose", "exec"), names)
    return names["choose"]


def rows_of(values):
    """Rows of accuracies from {(level, method): one number per draw}."""
    return pd.DataFrame(
        [
            ("accuracy", method, value, level, 100 * number + draw)
            for number, ((level, method), draws) in enumerate(values.items())
            for draw, value in enumerate(draws)
        ],
        columns=["quantity", "method", "value", "level", "seed"],
    ).assign(seed=lambda table: table.groupby(["level", "method"]).cumcount())


# --- the paper


def test_the_papers_gains_are_those_that_it_prints():
    table = study.paper_table()
    np.testing.assert_allclose(table["gain, %"], table["printed gain, %"], atol=0.005)
    assert [table["kept, %"].min().round(), table["kept, %"].max().round()] == [74, 92]


def test_the_rule_gives_the_papers_numbers_of_synthesised_images():
    table = study.paper_table().reset_index()
    rule = map(study.number_to_synthesise, table["classes"], table["per class"])
    assert [*rule] == [*table["synthesised"]]


# --- one draw


def test_the_settings_are_the_parameters_that_decide_a_draw():
    names = {field.name for field in fields(study.Settings)}
    parameters = chapters.named("latent-filtering").parameters
    assert names == {*parameters} - {"datasets", "images_per_class", "draws"}
    taken = study.Settings.of({name: one.default for name, one in parameters.items()})
    assert taken.vae_widths == parameters["vae_widths"].default


def test_a_draw_has_as_many_originals_of_each_class_in_turn(here, sets):
    assert here.labels.tolist() == [*range(10)] * 5
    train, test = sets["digits"]
    known = {image.tobytes() for image in train.images}
    drawn = [image.tobytes() for image in here.originals]
    assert {*drawn} <= known
    assert len({*drawn}) == 50
    np.testing.assert_array_equal(here.test, test.images[:30])
    assert (here.seed, here.name, here.level) == (543, "digits-5-1", "digits, 5 a class")


def test_each_draw_has_other_originals_and_the_same_one_again_the_same(here, sets):
    again = study.draw_originals(sets, "digits", 5, 1, SETTINGS)
    np.testing.assert_array_equal(here.originals, again.originals)
    assert (study.draw_originals(sets, "digits", 5, 2, SETTINGS).originals != here.originals).any()


def test_a_zoom_that_turns_images_inside_out_is_told_before_anything_is_trained():
    with pytest.raises(UsageError, match="a zoom of 5 turns images inside out; take less than 1"):
        replace(SETTINGS, augmentation=[20, 0.2, 5])


def test_more_originals_than_there_are_is_told(sets):
    rarest = np.bincount(sets["digits"][0].labels).min()
    assert len(study.draw_originals(sets, "digits", rarest, 0, SETTINGS).originals) == 10 * rarest
    with pytest.raises(UsageError, match=f"digits has {rarest} of its rarest class"):
        study.draw_originals(sets, "digits", rarest + 1, 0, SETTINGS)


@pytest.mark.parametrize(("limit", "number"), [(1000, 500), (50, 50), (57, 50)])
def test_all_originals_are_taken_in_turn_and_as_many_of_each_class(here, limit, number):
    images, kinds = study.synthesise(here, "augmentation", replace(SETTINGS, synthesised_limit=limit))
    assert len(images) == number
    assert np.bincount(kinds).tolist() == [number // 10] * 10
    assert images.dtype == np.uint8


def test_digits_are_not_mirrored_and_photographs_are(sets):
    still = replace(SETTINGS, augmentation=[0, 0, 0])
    mirrored = {}
    for name in sets:
        here = study.draw_originals(sets, name, 5, 0, still)
        images, _ = study.synthesise(here, "augmentation", still)
        originals = here.originals[study.sources(here, still)]
        same = (images == originals).all(axis=(1, 2, 3))
        np.testing.assert_array_equal(images[~same], originals[~same][:, :, ::-1])
        mirrored[name] = (~same).mean()
    assert mirrored["digits"] == 0
    assert 0.3 < mirrored["photos"] < 0.7


def test_a_generator_draws_images_of_the_classes_asked_for(here):
    images, kinds = study.synthesise(here, "gan", replace(SETTINGS, synthesised_limit=20))
    assert images.shape == (20, 28, 28, 1)
    assert kinds.tolist() == [*range(10)] * 2


def test_arms_by_passes_see_each_image_so_often():
    assert study.trainings("+ random", 120, SETTINGS) == {"accuracy": 7, "accuracy by passes": 6}
    assert study.trainings("+ all synthesised", 120, SETTINGS) == {"accuracy": 7}


# --- the filter


def two_classes():
    """A draw of two classes in a plane, whose centres are (0, 0) and (10, 0) and whose radii are 1."""
    square = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], float)
    labels = np.repeat([0, 1], 4)
    here = study.Draw(
        *("two", 4, 0, 0, ("a", "b"), np.zeros((8, 4, 4, 1), np.uint8), labels),
        *(np.zeros((3, 4, 4, 1), np.uint8), np.array([0, 0, 1]), ("x", "y")),
    )
    known = np.concatenate([square, square + np.array([10, 0])])
    new = np.array([[0.5, 0], [1.5, 0], [10, 0.5], [0.5, 0]])
    unseen = np.array([[0, 0], [10, 0], [10, 1.0]])
    spheres = study.fit_spheres(known, labels, SETTINGS)
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(4, axis=1).repeat(4, axis=2)
    return study.Filtered(here, None, images, np.array([0, 0, 1, 1]), known, new, unseen, spheres)


def test_an_image_is_judged_by_the_sphere_of_its_own_class():
    assert two_classes().inside.tolist() == [True, False, True, False]


def test_the_shares_kept_are_of_the_own_class_and_of_others():
    radii = two_classes().radii()
    assert {name: (values <= 1).mean() for name, values in radii.items()} == {
        "originals": 1,
        "synthesised": 0.5,
        "test images, own class": pytest.approx(2 / 3),
        "test images, other classes": pytest.approx(1 / 3),
    }
    assert len(radii["test images, other classes"]) == 3


def test_spheres_are_those_of_the_library():
    seen = two_classes()
    one = latent.enclosing_sphere(seen.known[:4], SETTINGS.sphere_share)
    np.testing.assert_array_equal(seen.spheres[0].centre, one.centre)
    assert seen.spheres[0].radius == one.radius
    median = study.fit_spheres(seen.known, seen.here.labels, replace(SETTINGS, sphere_metric="cityblock"))
    assert median[0].metric == "cityblock"


def test_lengths_are_distances_from_the_origin():
    found = {group: value for _, group, value in study.lengths(two_classes())}
    assert found["class means"] == pytest.approx(5)
    assert found["test images"] == pytest.approx((0 + 10 + np.hypot(10, 1)) / 3)


def test_the_control_has_as_many_of_each_class_as_the_sphere_keeps(choose):
    rng = np.random.default_rng(0)
    kinds, inside, error = np.arange(90) % 3, rng.random(90) < 0.4, rng.random(90)
    arms = choose(inside, error, kinds, rng)
    assert [*arms] == study.ARMS
    assert len(arms["originals only"]) == 0
    assert len(arms["+ all synthesised"]) == 90
    assert inside[arms["+ qualified"]].all()
    counts = np.bincount(kinds[inside]).tolist()
    for arm in ("+ random", "+ qualified", "+ best reconstructed"):
        assert len({*arms[arm]}) == len(arms[arm])
        assert np.bincount(kinds[arms[arm]]).tolist() == counts
    assert {*arms["+ random"]} != {*arms["+ qualified"]}
    left = np.setdiff1d(np.arange(90), arms["+ best reconstructed"])
    for kind in range(3):
        chosen = error[arms["+ best reconstructed"]][kinds[arms["+ best reconstructed"]] == kind]
        assert chosen.max() < error[left][kinds[left] == kind].min()


# --- rows and tables


def test_classifiers_without_training_are_those_of_a_direct_computation(here):
    known, tested = (x.reshape(len(x), -1) / 255 for x in (here.originals, here.test))
    means = np.stack([known[here.labels == k].mean(axis=0) for k in range(10)])
    found = {method: value for _, method, value in study.untrained(here)}
    for method, points, labels in (
        ("nearest original", known, here.labels),
        ("nearest class mean", means, np.arange(10)),
    ):
        nearest = np.linalg.norm(tested[:, None] - points, axis=2).argmin(axis=1)
        assert found[method] == pytest.approx((labels[nearest] == here.test_labels).mean())


def test_the_rows_of_a_draw_are_kept_and_taken_up(here, tmp_path):
    asked = []

    def rows(one):
        asked.append(one.name)
        yield "accuracy", "+ random", 0.5

    for _ in range(2):
        table = study.measure(tmp_path, "draw", [here], SETTINGS, lambda one: study.timed(rows(one)))
    assert asked == ["digits-5-1"]
    assert table["quantity"].tolist() == ["accuracy", "seconds"]
    assert {*table["level"]} == {"digits, 5 a class"}
    other = replace(SETTINGS, beta=2.0)
    study.measure(tmp_path, "draw", [here], other, rows)
    assert len(asked) == 2


LEVELS = {"mnist, 5 a class": 0.7, "mnist, 20 a class": 0.8, "cifar10, 5 a class": 0.3}
GAINS = {"originals only": 0.02, "+ random": -0.01, "+ best reconstructed": 0.0, "+ all synthesised": 0.0}


@pytest.fixture(scope="module")
def rows():
    """Accuracies of three conditions, two draws each; the draws of a condition differ in all arms alike."""
    rng = np.random.default_rng(3)
    values = {}
    for level, accuracy in LEVELS.items():
        draws = accuracy + rng.normal(0, 0.05, 2)
        values |= {(level, method): draws + 0.1 for method in study.UNTRAINED}
        values[level, "+ qualified"] = draws
        for arm, gain in GAINS.items():
            values[level, arm] = draws - gain + rng.normal(0, 0.002, 2)
    return rows_of(values)


def test_table_3_has_a_row_a_method_and_the_papers_last(rows):
    table = study.table_3(rows)
    assert [*table.index] == [*study.UNTRAINED, *study.ARMS, "paper, before", "paper, after"]
    assert [*table.columns] == [("MNIST", 5), ("MNIST", 20), ("CIFAR-10", 5)]
    assert table.at["paper, after", ("CIFAR-10", 5)] == 21.6
    chosen = rows[(rows["method"] == "+ random") & (rows["level"] == "mnist, 20 a class")]
    assert table.at["+ random", ("MNIST", 20)] == pytest.approx(100 * chosen["value"].mean())


def test_a_data_set_that_the_paper_lacks_has_no_number_of_the_papers(rows):
    own = rows.assign(level=rows["level"].str.replace("mnist", "digits"))
    assert study.table_3(own).loc["paper, after", "digits"].isna().all()


def test_each_condition_counts_once_where_several_are_pooled(rows):
    table = study.differences(rows).set_index(["level", "rival"])
    draws = rows[rows["quantity"] == "accuracy"].pivot_table("value", ["level", "seed"], "method")
    gain = 100 * (draws["+ qualified"] - draws["+ random"])
    conditions = gain.groupby("level").mean()
    whole = table.loc[("all", "+ random")]
    interval = stats.t.interval(0.95, 2, conditions.mean(), stats.sem(conditions))
    assert whole["number"] == 3
    assert (whole["difference"], whole["low"], whole["high"]) == pytest.approx((gain.mean(), *interval))
    assert whole["p"] == pytest.approx(stats.ttest_1samp(conditions, 0).pvalue)
    assert table.loc[("MNIST, all", "+ random"), "number"] == 2
    one = table.loc[("CIFAR-10, 5", "+ random")]
    assert (one["number"], one["pooled"]) == (2, False)
    assert one["difference"] == pytest.approx(gain["cifar10, 5 a class"].mean())


def test_the_pooled_table_has_each_rival_and_holms_correction(rows):
    table = study.pooled(rows)
    assert [*table.index.get_level_values("rival").unique()] == study.RIVALS
    whole = study.differences(rows).query("level == 'all'").set_index("rival")["p"]
    order = whole.sort_values()
    holm = (order * [4, 3, 2, 1]).cummax().clip(upper=1)
    shown = table.xs("all", level="data")["p"]
    assert {rival: f"{p:.3f}" for rival, p in holm.items()} == dict(shown)
    assert {*table.drop("all", level="data")["p"]} == {""}


def test_a_single_condition_has_no_interval(rows):
    one = study.pooled(rows[rows["level"] == "mnist, 5 a class"])
    assert {*one["low"]} == {*one["p"]} == {""}
    assert one.loc[("originals only", "all"), "conditions"] == "1"


def test_networks_are_held_against_guessing_and_the_mean_image(rows, sets):
    level = {"level": "digits, 5 a class", "seed": 1}
    errors = pd.DataFrame(
        [
            ("MSE, originals", "VAE", 0.03),
            ("MSE, originals", "mean image", 0.02),
            *(("accuracy", arm, 0.1 if arm == "+ random" else 0.4) for arm in study.ARMS),
        ],
        columns=["quantity", "method", "value"],
    ).assign(**level)
    judged = study.judged(errors, sets).set_index("method")
    assert judged.at["VAE", "outcome"] == "collapsed"
    assert judged.at["+ random", "outcome"] == "collapsed"
    assert judged.at["+ qualified", "outcome"] == "learnt"
    assert judged.at["+ qualified", "limit"] == pytest.approx(0.9)


def test_in_many_dimensions_a_sphere_round_few_points_holds_few_new_ones():
    rng = np.random.default_rng(0)
    few, many = (study.share_of_new_points(number, 100, rng, repeats=40) for number in (5, 100))
    assert few < 0.15
    assert many > 0.85


# --- figures


def test_figures_say_what_their_points_are(rows):
    figure = study.show_plane([two_classes()])
    (axis,) = figure.axes
    assert axis.get_title() == "two: a"
    assert len(axis.collections) == 5
    (circle,) = axis.patches
    assert circle.radius == pytest.approx(1)
    figure = study.show_differences(study.differences(rows))
    assert [axis.get_title() for axis in figure.axes] == ["minus “originals only”", "minus “+ random”"]
    figure = study.show_decisions([two_classes()])
    shown = [axis.images[0].get_array().max() for axis in figure.axes if axis.images]
    assert shown == [0, 2, 1, 3]
    plt.close("all")
