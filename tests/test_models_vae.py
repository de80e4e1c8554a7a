import json

import keras
import numpy as np
import pytest

from compendium import training
from compendium.models import classifier, vae
from compendium.models.gan import discriminator, generator
from compendium.models.vae import LatentSample

SHAPES = [(28, 28, 1), (32, 32, 3)]


def random_images(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def small_vae(shape=(8, 8, 1), **options):
    return vae(shape, **{"filters": (4, 8), "dense": 16, "latent": 3, **options})


def fit(model, images, **options):
    usual = {
        "validation": (images, images),
        "epochs": 3,
        "batch_size": 8,
        "optimizer": keras.optimizers.Adam(0.01),
        "seed": 5,
        "loss": "binary_crossentropy",
    }
    return training.fit(model, images, lambda images, seed: images, **usual | options)


def divergence(z_mean, z_log_var):
    """Of normal distributions from the standard normal one, as a textbook has it."""
    return (-0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))).sum(axis=1)


# --- the networks of Tables 1 and 2


def test_encoder_and_decoder_are_tables_1_and_2_at_the_papers_widths():
    model = vae((28, 28, 1))
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    assert [(layer.output.shape[1:], layer.count_params()) for layer in encoder.layers] == [
        ((28, 28, 1), 0),
        ((14, 14, 512), 5_120),
        ((7, 7, 1024), 4_719_616),
        ((50_176,), 0),
        ((400,), 20_070_800),
        ((100,), 40_100),
        ((100,), 40_100),
        ((100,), 0),
    ]
    assert [layer.name for layer in encoder.layers[-3:]] == ["z_mean", "z_log_var", "z"]
    assert encoder.count_params() == 24_875_736
    assert [(layer.output.shape[1:], layer.count_params()) for layer in decoder.layers] == [
        ((100,), 0),
        ((50_176,), 5_067_776),
        ((7, 7, 1024), 0),
        ((14, 14, 1024), 9_438_208),
        ((28, 28, 512), 4_719_104),
        ((28, 28, 1), 4_609),  # missing in Table 2
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_reconstructions_are_images_of_the_same_shape(shape):
    images = random_images((3, *shape))
    reconstruction = training.predict(small_vae(shape), images)
    assert reconstruction.shape == images.shape
    assert 0 < reconstruction.min() < reconstruction.max() < 1


@pytest.mark.parametrize("shape", [(30, 28, 1), (28, 30, 1)])
def test_sizes_that_the_decoder_cannot_give_back_are_refused(shape):
    with pytest.raises(ValueError, match="4 divides"):
        small_vae(shape)


def test_the_code_is_drawn_in_training_and_is_the_mean_otherwise():
    encoder = small_vae(latent=200).get_layer("encoder")
    encoder.get_layer("z_log_var").bias.assign(np.full(200, 2 * np.log(0.5)))
    images = random_images((100, 8, 8, 1))
    z_mean, z_log_var, z = map(keras.ops.convert_to_numpy, encoder(images, training=True))
    standardised = (z - z_mean) / np.exp(z_log_var / 2)
    assert standardised.mean() == pytest.approx(0, abs=0.03)
    assert standardised.std() == pytest.approx(1, abs=0.03)
    z_mean, _, z = map(keras.ops.convert_to_numpy, encoder(images, training=False))
    np.testing.assert_array_equal(z, z_mean)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_loss_is_the_cross_entropy_and_beta_divergences_a_value(beta):
    training.set_seed(0)
    model = small_vae(beta=beta)
    images = random_images((6, 8, 8, 1))
    curve = fit(model, images, epochs=1, optimizer=keras.optimizers.SGD(0.0))
    z_mean, z_log_var, _ = map(keras.ops.convert_to_numpy, model.get_layer("encoder")(images))
    output = training.predict(model, images).astype(np.float64)
    cross_entropy = -(images * np.log(output) + (1 - images) * np.log(1 - output)).mean()
    expected = cross_entropy + beta * divergence(z_mean, z_log_var).mean() / 64
    assert curve["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_the_divergence_of_the_standard_normal_distribution_is_zero():
    layer = LatentSample(1.0)
    layer([np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)])
    assert float(layer.losses[0]) == 0


# --- training it as the book does


def test_training_lowers_the_loss_and_repeats_itself():
    images = np.repeat(random_images((4, 8, 8, 1)).round(), 8, axis=0)

    def trained():
        training.set_seed(1)
        model = small_vae()
        curve = fit(model, images, epochs=15)
        return model.get_weights(), curve["loss"]

    weights, loss = trained()
    assert loss.iloc[-1] < 0.9 * loss.iloc[0]
    again = trained()
    assert loss.equals(again[1])
    for one, other in zip(weights, again[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_resumed_training_draws_what_an_uninterrupted_one_draws(tmp_path):
    images = random_images((16, 8, 8, 1))

    def trained(*epochs):
        for number in epochs:
            training.set_seed(1)
            model = small_vae()
            fit(model, images, epochs=number, checkpoint=tmp_path / f"{len(epochs)}.npz")
        return model.get_weights()

    for one, other in zip(trained(4), trained(2, 4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_saved_vae_is_loaded_with_its_sampling_layer(tmp_path):
    model = small_vae(beta=2.0)
    model.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert loaded.get_layer("encoder").get_layer("z").divergence_weight == 2.0 / 64
    images = random_images((2, 8, 8, 1))
    np.testing.assert_array_equal(training.predict(model, images), training.predict(loaded, images))
    assert "seed" not in json.loads(
        model.to_json()
    )  # a drawn seed there would change a checkpoint's identity


# --- classifier, generator and discriminator


@pytest.mark.parametrize("shape", SHAPES)
def test_the_classifier_gives_probabilities(shape):
    probabilities = training.predict(classifier(shape, 7), random_images((5, *shape)))
    assert probabilities.shape == (5, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_generator_and_discriminator_take_the_class(shape):
    training.set_seed(0)
    forger, judge = generator(shape, 4), discriminator(shape, 4)
    noise = np.repeat(random_images((1, 16)), 4, axis=0)
    images = forger([noise, np.eye(4, dtype=np.float32)]).numpy()
    assert images.shape == (4, *shape)
    assert 0 < images.min() < images.max() < 1
    assert np.abs(images[1:] - images[0]).max() > 1e-4
    same = np.repeat(images[:1], 4, axis=0)
    verdicts = judge([same, np.eye(4, dtype=np.float32)]).numpy()
    assert verdicts.shape == (4, 1)
    assert 0 < verdicts.min() < verdicts.max() < 1
