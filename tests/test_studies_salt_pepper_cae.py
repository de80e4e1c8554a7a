"""What the chapter on salt-and-pepper noise calls: counts, tables and comparisons, on a few images."""

from collections import Counter

import keras
import numpy as np
import pandas as pd
import pytest

from compendium import baselines, data, metrics, noise
from compendium.models import cae
from compendium.studies import salt_pepper_cae as study

SHOWN = [3, 0]


@pytest.fixture(scope="module")
def images():
    return data.load("photos", "test").images[::100][:6]


@pytest.fixture
def validation(images, tmp_path):
    noisy = {
        f"{100 * fraction:g} %": noise.salt_pepper(images, fraction=fraction, seed=1)[0]
        for fraction in (0.3, 0.9)
    }
    return study.Validation(images / 255, noisy, tmp_path, {"seed": 1})


@pytest.fixture
def restored(validation):
    return {level: np.full_like(validation.reference, 0.4) for level in validation.noisy}


def counting(denoisers):
    """Denoisers that count how often they were called, and the counts."""
    calls = Counter()

    def counted(name, denoise):
        def count(noisy):
            calls[name] += 1
            return denoise(noisy)

        return count

    return {name: counted(name, denoise) for name, denoise in denoisers.items()}, calls


def value(rows, *key):
    (found,) = rows.set_index(["quantity", "method", "level"])["value"].loc[[key]]
    return found


def test_methods_without_training_are_measured_once_and_then_kept(validation, images):
    denoisers, calls = counting(
        {"noisy input": baselines.unchanged, "linear interpolation": baselines.linear}
    )
    rows, errors = study.without_training(validation, validation.reference, denoisers)
    again, errors_again = study.without_training(validation, validation.reference, denoisers)
    assert calls == {"noisy input": 2, "linear interpolation": 2}  # once a level
    pd.testing.assert_frame_equal(rows, again)
    pd.testing.assert_frame_equal(errors, errors_again)
    assert len(rows) == 2 * 4 * len(study.QUANTITIES)  # levels, methods with the two that ignore their input
    assert value(rows, "MSE", "black image", "30 %") == pytest.approx(np.square(images / 255).mean())
    noisy = validation.noisy["90 %"] / 255
    wanted = metrics.mse(validation.reference, baselines.linear(noisy))
    np.testing.assert_allclose(errors["90 %"], wanted, atol=1e-8)
    assert value(rows, "MSE", "linear interpolation", "90 %") == pytest.approx(wanted.mean())


def test_other_methods_are_measured_anew_beside_the_kept_ones(validation):
    for names in (["linear interpolation"], ["linear interpolation", "nearest pixel"]):
        chosen = {name: baselines.IMPULSE[name] for name in names}
        rows, _ = study.without_training(validation, validation.reference, chosen)
        assert {*rows["method"]} == {"black image", "mean image", *names}


def test_a_network_trained_on_is_measured_anew(validation, restored):
    keras.utils.set_random_seed(0)
    networks = dict.fromkeys(validation.noisy, cae())
    _, errors = study.of_network(validation, networks, restored)
    better = {level: validation.reference for level in restored}
    _, same = study.of_network(validation, networks, better)
    np.testing.assert_array_equal(same, errors)  # kept with the weights
    network = networks["30 %"]
    network.set_weights([2 * array for array in network.get_weights()])
    rows, other = study.of_network(validation, networks, better)
    assert (other == 0).all(axis=None)
    assert value(rows, "SSIM", "CAE", "30 %") == 1


def test_two_methods_are_compared_on_the_same_images():
    network = pd.DataFrame({"30 %": [0.4, 0.3, 0.2], "90 %": [0.1, 0.5, 0.3]})
    interpolated = pd.DataFrame({"30 %": [0.1, 0.1, 0.1], "90 %": [0.2, 0.2, 0.2]})
    table, rows = study.compared(network, interpolated)
    assert table["mean"].tolist() == pytest.approx([0.2, 0.1])
    # Student's t with two degrees of freedom: 4.3027 standard errors of 0.1 / sqrt(3)
    assert table.loc["30 %", "low"] == pytest.approx(0.2 - 4.3027 * 0.1 / 3**0.5, abs=1e-5)
    assert table["CAE ahead, % of images"].tolist() == pytest.approx([0, 100 / 3])
    assert value(rows, study.DIFFERENCE, "high", "30 %") == table.loc["30 %", "high"]
    assert value(rows, "share of images, CAE ahead", "CAE", "90 %") == pytest.approx(1 / 3)


def test_a_network_that_diverged_has_no_difference():
    table, _ = study.compared(pd.DataFrame({"30 %": [np.nan] * 2}), pd.DataFrame({"30 %": [0.1, 0.2]}))
    assert table.isna().all(axis=None)


@pytest.mark.parametrize(("losses", "fallen"), [([8, 4, 3, 2], 0.5), ([8], 0), ([8, 6, 3], 0.5)])
def test_the_second_half_of_a_training_begins_after_its_middle(losses, fallen):
    curve = pd.DataFrame({"epoch": range(1, len(losses) + 1), "val_loss": losses, "level": "30 %"})
    assert study.loss_fallen(curve)["value"].tolist() == [fallen]


def test_a_table_of_all_methods_has_the_paper_s_network_in_its_place():
    rows = [
        ("MSE", "CAE", "30 %", 0.01),
        ("MSE", "black image", "30 %", 0.2),
        ("MSE", "nearest", "30 %", 0.009),
    ]
    rows = pd.DataFrame(rows, columns=["quantity", "method", "level", "value"]).assign(image=np.nan)
    of_one = rows.assign(image=7, value=0.0)
    table = study.ranked(pd.concat([rows, of_one]), "MSE", by="30 %")
    assert [*table.index] == ["nearest", "CAE of the paper", "CAE", "black image"]
    assert table.loc["CAE of the paper", "30 %"] == 0.0095
    assert table.loc["CAE", "30 %"] == 0.01


def test_single_images_stand_beside_the_paper_s(validation, restored, monkeypatch):
    rows = study.of_images(validation, restored, SHOWN)
    ours = study.four_images(rows, SHOWN)
    assert [*ours.loc["SSIM"].index] == SHOWN
    assert "SSIM, paper" not in ours.index.get_level_values(0)  # of other images
    (wanted,) = metrics.ssim(validation.reference[[3]], restored["90 %"][[3]])
    assert ours.loc[("SSIM", 3), "90 %"] == pytest.approx(wanted)
    monkeypatch.setattr(study, "PAPER_SSIM", study.PAPER_SSIM.rename({330: 3, 70: 0}))
    beside = study.four_images(rows, SHOWN).loc["SSIM, paper"]
    assert beside["30 %"].tolist() == [0.6830, 0.6753]


def test_entropies_below_those_of_the_clean_image_are_counted(images):
    flat = np.full((2, 32, 32, 3), 0.5)
    versions = {"clean": images[SHOWN] / 255, "30 %": flat, "90 %": images[SHOWN] / 255}
    table = study.entropy_table(study.entropies(versions, SHOWN))
    assert study.below_clean(table).to_dict() == {"LAE": 2, "TE": 2}
    assert table.loc[("TE", 3), "clean"] == metrics.total_entropy(images[[3]] / 255)


def test_the_paper_s_own_table_counts_as_the_chapter_says():
    table = pd.concat({name: one.rename_axis("image") for name, one in study.PAPER_ENTROPIES.items()})
    assert study.below_clean(table).to_dict() == {"LAE": 12, "TE": 6}


def test_the_layers_differ_from_the_paper_s_in_one_shape():
    table = study.layer_table(cae())
    assert table["parameters"].tolist() == table["paper's parameters"].tolist()
    assert table["parameters"].sum() == 16827
    differing = table[table["output"] != table["paper's output"]]
    assert differing["output"].tolist() == ["8x8x8"]


def test_nearest_images_of_the_same_class_are_counted(tmp_path):
    clean = data.load("photos", "test").images[::50]
    labels = np.arange(len(clean)) % 10
    validation = study.Validation(clean / 255, {"0 %": clean}, tmp_path, {})
    network = keras.Sequential(
        [
            keras.Input(clean.shape[1:]),
            keras.layers.AveragePooling2D(16, name="latent"),
            keras.layers.Flatten(),
        ]
    )
    rows = study.neighbours(validation, "0 %", network, clean, (labels, labels))
    assert value(rows, "neighbour accuracy", "noisy pixels", "0 %") == 1  # each is its own neighbour
    shuffled = np.roll(labels, 1)
    kept = study.neighbours(validation, "0 %", network, clean, (labels, shuffled))
    pd.testing.assert_frame_equal(kept, rows)


def test_principal_components_are_computed_once(validation):
    limit = study.pca_limit(validation, validation.reference.astype(np.float32), components=2)
    assert (
        0
        < limit
        < metrics.mse(
            validation.reference, validation.reference.mean(axis=0, keepdims=True).repeat(6, 0)
        ).mean()
    )
    assert study.pca_limit(validation, validation.reference[:0], components=2) == limit


def test_a_map_of_fewer_codes_than_usual_neighbours_is_drawn(images):
    codes = {"30 %": np.random.default_rng(0).random((len(images), 128))}
    figure = study.code_maps(codes, images, ["cat", "dog"] * 3, seed=0)
    assert len(figure.axes[0].collections[0].get_offsets()) == len(images)
