from collections import Counter

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from scipy import signal
from scipy.special import expit

from compendium.errors import UsageError
from compendium.models import dae
from compendium.models.dae import SHRINKING

NINE = [(depth, latent) for depth in (1, 3, 5) for latent in (13, 8, 5)]


def random_images(count, seed=0):
    return np.random.default_rng(seed).random((count, 28, 28, 1), np.float32)


def convolutions(model):
    """The layers with weights: first those of the encoder, then those of the decoder."""
    return [layer for layer in model.layers if layer.weights]


# --- Table 1


@pytest.mark.parametrize(("depth", "latent"), [*NINE, (9, 5)])
def test_layers_and_shapes_are_those_of_table_1(depth, latent):
    model = dae(depth, latent)
    assert model.input_shape == model.output_shape == (None, 28, 28, 1)
    assert model.get_layer("latent").output.shape == (None, latent, latent, 4)
    kinds = [type(layer) for layer in model.layers]
    assert kinds == [layers.Conv2D] * depth + [layers.Conv2DTranspose] * depth
    activations = [layer.activation.__name__ for layer in model.layers]
    assert activations == ["relu"] * (2 * depth - 1) + ["sigmoid"]
    assert model.name == f"DAE_{depth}_{latent}"


@pytest.mark.parametrize(("depth", "latent"), NINE)
def test_the_decoder_mirrors_the_encoder(depth, latent):
    chain = convolutions(dae(depth, latent))
    for layer, mirrored in zip(chain, reversed(chain), strict=True):
        # a transposed convolution's kernel has the channels that leave it before those that enter it
        assert layer.kernel.shape == mirrored.kernel.shape
        assert layer.input.shape == mirrored.output.shape
        assert layer.strides == mirrored.strides


@pytest.mark.parametrize("latent", SHRINKING)
def test_every_pixel_reaches_the_latent(latent):
    model = dae(1, latent, initializer="ones")
    encoder = keras.Model(model.inputs[0], model.get_layer("latent").output)
    corners = np.zeros((2, 28, 28, 1), np.float32)
    corners[0, 0, 0] = corners[1, -1, -1] = 1
    assert encoder(corners).numpy().max(axis=(1, 2, 3)).tolist() == [1, 1]


def test_a_deeper_network_has_more_layers_of_the_width_and_is_otherwise_the_same():
    def kernels(depth, **options):
        return Counter(tuple(layer.kernel.shape) for layer in convolutions(dae(depth, 8, **options)))

    assert kernels(5) - kernels(3) == {(3, 3, 16, 16): 4}
    assert kernels(3) - kernels(5) == {}
    assert kernels(5, width=6)[3, 3, 6, 6] == 6


# --- against SciPy


@settings(max_examples=8)
@given(latent=st.sampled_from(list(SHRINKING)), padding=st.integers(0, 4), seed=st.integers(0, 2**32 - 1))
def test_a_network_of_depth_one_is_a_correlation_and_its_transpose(latent, padding, seed):
    keras.utils.set_random_seed(seed)
    model = dae(1, latent, padding=padding)
    encoding, decoding = convolutions(model)
    image = random_images(1, seed)
    stride = SHRINKING[latent][1]

    padded = np.pad(image[0, :, :, 0], padding)
    kernel, bias = encoding.get_weights()
    codes = [
        signal.correlate2d(padded, kernel[:, :, 0, channel], "valid")[::stride, ::stride] + bias[channel]
        for channel in range(4)
    ]
    kernel, bias = decoding.get_weights()
    spread = np.zeros((4, *np.multiply(latent - 1, (stride, stride)) + 1))
    spread[:, ::stride, ::stride] = np.maximum(codes, 0)
    total = sum(signal.convolve2d(spread[channel], kernel[:, :, 0, channel]) for channel in range(4))
    expected = expit(total + bias)[padding : 28 + padding, padding : 28 + padding]
    np.testing.assert_allclose(model(image)[0, :, :, 0], expected, rtol=0, atol=1e-5)


# --- what the report leaves open


@pytest.mark.parametrize("latent", SHRINKING)
def test_padding_adds_parameters_and_keeps_the_shapes(latent):
    plain, padded = dae(1, latent), dae(1, latent, padding=3)
    assert padded.get_layer("latent").output.shape == plain.get_layer("latent").output.shape
    assert padded.output_shape == plain.output_shape
    assert convolutions(padded)[0].kernel.shape[0] == convolutions(plain)[0].kernel.shape[0] + 6


def test_the_start_is_that_of_pytorch():
    for layer in convolutions(dae(5, 8)):
        kernel, bias = layer.get_weights()
        # of the layer's own weight, laid out as PyTorch does: (out, in, k, k), transposed (in, out, k, k)
        size = kernel.shape[2] if isinstance(layer, layers.Conv2D) else layer.filters
        bound = 1 / np.sqrt(size * kernel.shape[0] ** 2)
        assert np.abs(kernel).max() <= bound
        assert np.abs(bias).max() <= bound
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.15)
        assert bias.any()


def test_equal_seeds_give_equal_starts_and_no_two_layers_alike():
    def kernels(seed):
        keras.utils.set_random_seed(seed)
        return [layer.get_weights()[0] for layer in convolutions(dae(5, 8))]

    first, second, other = kernels(1), kernels(1), kernels(2)
    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
    inner = [kernel for kernel in first if kernel.shape == (3, 3, 16, 16)]
    assert len({kernel.tobytes() for kernel in inner}) == len(inner) == 6


def test_a_start_of_keras_draws_the_kernels_and_leaves_the_biases_at_zero():
    for layer in convolutions(dae(3, 5, initializer="he_uniform")):
        kernel, bias = layer.get_weights()
        assert kernel.any()
        assert not bias.any()


def test_output_bias_sets_what_the_untrained_network_answers():
    model = dae(3, 5, initializer="zeros", output_bias=-1.9)
    np.testing.assert_allclose(model(random_images(2)), expit(-1.9), atol=1e-6)
    *others, last = convolutions(model)
    assert not any(layer.get_weights()[1].any() for layer in others)
    assert last.get_weights()[1].tolist() == pytest.approx([-1.9])


def test_the_reconstruction_lies_in_0_to_1():
    reconstruction = dae(3, 8)(random_images(4)).numpy()
    assert reconstruction.dtype == np.float32
    assert 0 <= reconstruction.min() < reconstruction.max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth=0: give 1 or more"),
        ({"latent": 7}, "latent=7: give one of 13, 8, 5"),
        ({"width": 0}, "width=0: give 1 or more"),
        ({"padding": -1}, "padding=-1: give 0 or more"),
    ],
)
def test_other_networks_are_refused_with_a_remedy(arguments, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        dae(**{"depth": 1, "latent": 13, **arguments})
