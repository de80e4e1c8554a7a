import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from compendium.models import cae
from compendium.models.fused import UpsampledConv2D, fuse


def random_images(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def randomised(model, seed=0):
    """Move every weight at random: biases start at zero, where a mistake would not show."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(weight, 0.1) for weight in model.get_weights()])
    return model


def gradients(model, noisy, reference):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(noisy) - reference) ** 2)
    return [
        keras.ops.convert_to_numpy(gradient) for gradient in tape.gradient(loss, model.trainable_variables)
    ]


@pytest.fixture
def float64():
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


# --- the network of Table 1


def test_cae_is_table_1():
    model = cae()
    assert [(layer.output.shape[1:], layer.count_params()) for layer in model.layers] == [
        ((32, 32, 32), 896),
        ((16, 16, 32), 0),
        ((16, 16, 8), 2312),
        ((8, 8, 8), 0),
        ((8, 8, 8), 584),
        ((4, 4, 8), 0),
        ((4, 4, 8), 584),
        ((8, 8, 8), 0),
        ((8, 8, 32), 2336),
        ((16, 16, 32), 0),
        ((16, 16, 32), 9248),
        ((32, 32, 32), 0),
        ((32, 32, 3), 867),
    ]
    assert model.count_params() == 16_827
    assert model.input_shape == (None, 32, 32, 3)


def test_cae_code_has_128_numbers():
    model = cae()
    encoder = keras.Model(model.inputs[0], model.get_layer("latent").output)
    assert encoder(random_images((2, 32, 32, 3))).shape == (2, 4, 4, 8)
    assert np.prod(encoder.output_shape[1:]) == 128


def test_cae_reconstruction_lies_in_0_to_1_by_default():
    reconstruction = randomised(cae())(random_images((4, 32, 32, 3))).numpy()
    assert reconstruction.dtype == np.float32
    assert 0 <= reconstruction.min() < reconstruction.max() <= 1


def test_cae_output_activation():
    images = random_images((2, 32, 32, 3))
    linear, sigmoid = cae(output_activation="linear"), cae()
    sigmoid.set_weights(linear.get_weights())
    logits = linear(images).numpy()
    np.testing.assert_allclose(sigmoid(images), 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_cae_kernel_initializer():
    for layer in cae(kernel_initializer="zeros").layers:
        for weight in layer.get_weights():
            assert not weight.any()
    assert all(layer.get_weights()[0].std() > 0.01 for layer in cae().layers if layer.weights)


def test_cae_upsampling_is_nearest_or_bilinear():
    images = random_images((2, 32, 32, 3))
    nearest, bilinear = randomised(cae()), cae(upsampling="bilinear")
    bilinear.set_weights(nearest.get_weights())
    assert np.abs(nearest(images) - bilinear(images)).max() > 1e-3
    assert {layer.interpolation for layer in bilinear.layers if isinstance(layer, layers.UpSampling2D)} == {
        "bilinear"
    }


# --- the faster equal of a network


def test_fused_cae_has_the_same_weights_and_outputs():
    model = randomised(cae())
    fused = fuse(model)
    assert sum(isinstance(layer, UpsampledConv2D) for layer in fused.layers) == 3
    assert [w.shape for w in fused.weights] == [w.shape for w in model.weights]
    for original, copied in zip(model.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_array_equal(original, copied)
    images = random_images((8, 32, 32, 3))
    np.testing.assert_allclose(fused(images), model(images), rtol=0, atol=1e-6)


def test_fused_cae_has_the_same_gradients(float64):
    # in float64 rounding is out of the way: what differs by more would be another formula
    model = randomised(cae())
    noisy, reference = random_images((2, 4, 32, 32, 3)).astype(np.float64)
    pairs = zip(gradients(model, noisy, reference), gradients(fuse(model), noisy, reference), strict=True)
    for expected, found in pairs:
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_fused_bilinear_cae_keeps_its_upsampling():
    model = randomised(cae(upsampling="bilinear"))
    fused = fuse(model)
    assert not any(isinstance(layer, UpsampledConv2D) for layer in fused.layers)
    assert sum(isinstance(layer, layers.ReLU) for layer in fused.layers) == 3
    images = random_images((4, 32, 32, 3))
    np.testing.assert_allclose(fused(images), model(images), rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    channels=st.integers(1, 4),
    filters=st.integers(1, 5),
    activation=st.sampled_from(["relu", "tanh", "linear"]),
    pool_padding=st.sampled_from(["valid", "same"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_fused_outputs_and_gradients_for_any_shape(
    height, width, channels, filters, activation, pool_padding, seed
):
    model = randomised(
        keras.Sequential(
            [
                keras.Input((height, width, channels)),
                layers.Conv2D(filters, (3, 2), activation="relu", padding="same"),
                layers.MaxPooling2D(padding=pool_padding),
                layers.UpSampling2D(),
                layers.Conv2D(filters, 3, activation=activation, padding="same"),
            ]
        ),
        seed,
    )
    fused = fuse(model)
    assert [type(layer) for layer in fused.layers][2:] == [layers.ReLU, UpsampledConv2D]
    noisy = random_images((2, height, width, channels), seed)
    outputs = model(noisy).numpy()
    np.testing.assert_allclose(fused(noisy), outputs, rtol=1e-5, atol=1e-5)
    pairs = zip(gradients(model, noisy, outputs + 1), gradients(fused, noisy, outputs + 1), strict=True)
    for expected, found in pairs:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_weights_return_from_the_fused_network():
    model = randomised(cae())
    fused = randomised(fuse(model), seed=1)
    model.set_weights(fused.get_weights())
    images = random_images((4, 32, 32, 3))
    np.testing.assert_allclose(model(images), fused(images), rtol=0, atol=1e-5)


def test_fusing_leaves_the_network_as_it_was():
    model = randomised(cae())
    before, configuration = model.get_weights(), model.to_json()
    randomised(fuse(model), seed=1)
    assert model.to_json() == configuration
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def upsampled(size=2, interpolation="nearest", filters=4, kernel_size=3, **options):
    convolution = layers.Conv2D(filters, kernel_size, **{"padding": "same", **options})
    return [layers.UpSampling2D(size, interpolation=interpolation), convolution]


UNFUSABLE = {
    "bilinear": lambda: upsampled(interpolation="bilinear"),
    "upsampling by three": lambda: upsampled(size=3),
    "upsampling of the height": lambda: upsampled(size=(2, 1)),
    "kernel 5x5": lambda: upsampled(kernel_size=5),
    "stride 2": lambda: upsampled(strides=2),
    "dilated": lambda: upsampled(dilation_rate=2),
    "valid padding": lambda: upsampled(padding="valid"),
    "no bias": lambda: upsampled(use_bias=False),
    "groups": lambda: upsampled(groups=2),
    "regularized": lambda: upsampled(kernel_regularizer="l2"),
    "constrained": lambda: upsampled(kernel_constraint="non_neg"),
    "frozen": lambda: upsampled(trainable=False),
    "upsampling last": lambda: upsampled()[:1],
    "tanh before pooling": lambda: [layers.Conv2D(4, 3, activation="tanh"), layers.MaxPooling2D()],
    "average pooling": lambda: [layers.Conv2D(4, 3, activation="relu"), layers.AveragePooling2D(2)],
    "activity regularized": lambda: [
        layers.Conv2D(4, 3, activation="relu", activity_regularizer="l1"),
        layers.MaxPooling2D(),
    ],
    "dense": lambda: [layers.Flatten(), layers.Dense(3, "relu")],
}


@pytest.mark.parametrize("name", UNFUSABLE)
def test_other_layers_are_left_alone(name):
    model = keras.Sequential([keras.Input((8, 8, 2)), *UNFUSABLE[name]()])
    assert fuse(model) is model


def test_a_branching_network_is_left_alone():
    inputs = keras.Input((8, 8, 2))
    pooled = layers.MaxPooling2D()(layers.Conv2D(2, 3, padding="same", activation="relu")(inputs))
    upsampling, convolution = upsampled(filters=2)
    model = keras.Model(inputs, layers.Add()([inputs, convolution(upsampling(pooled))]))
    assert fuse(model) is model


def test_a_sequential_network_with_a_call_of_its_own_is_left_alone():
    class Residual(keras.Sequential):
        def call(self, inputs, training=None, mask=None):
            return inputs + super().call(inputs, training=training, mask=mask)

    pooled = [layers.Conv2D(2, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    model = Residual([keras.Input((8, 8, 2)), *pooled, *upsampled(filters=2)])
    assert fuse(model) is model


def test_a_fused_network_is_saved_and_loaded(tmp_path):
    fused = randomised(fuse(cae()))
    fused.save(tmp_path / "fused.keras")
    loaded = keras.saving.load_model(tmp_path / "fused.keras")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in fused.layers]
    images = random_images((4, 32, 32, 3))
    np.testing.assert_array_equal(loaded(images), fused(images))
