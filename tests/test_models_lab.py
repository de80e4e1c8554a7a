import keras
import numpy as np
import pytest

from compendium import noise, training
from compendium.models import lab_baseline, lab_tunable
from compendium.models.fused import UpsampledConv2D, fuse


def random_images(shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def table(model):
    return [(layer.output.shape[1:], layer.count_params()) for layer in model.layers]


def test_the_baseline_is_the_papers_code():
    assert table(lab_baseline()) == [
        ((28, 28, 32), 320),
        ((14, 14, 32), 0),
        ((14, 14, 32), 9248),
        ((7, 7, 32), 0),
        ((7, 7, 32), 9248),
        ((14, 14, 32), 0),
        ((14, 14, 32), 9248),
        ((28, 28, 32), 0),
        ((28, 28, 1), 289),
    ]
    assert lab_baseline().count_params() == 28_353


@pytest.mark.parametrize(
    ("filters", "parameters"), [(32, 12_321), (64, 47_681), (96, 106_081), (128, 187_521)]
)
def test_the_tunable_network_has_half_the_filters_inside(filters, parameters):
    model = lab_tunable(filters)
    widths = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert widths == [filters, filters // 2, filters // 2, filters, 1]
    assert model.count_params() == parameters
    assert [type(layer).__name__ for layer in model.layers[:3]] == [
        "Conv2D",
        "BatchNormalization",
        "MaxPooling2D",
    ]


def test_batch_normalisation_is_a_switch_of_both():
    normalised = lab_baseline(batch_normalization=True)
    assert type(normalised.layers[1]) is keras.layers.BatchNormalization
    assert normalised.count_params() == lab_baseline().count_params() + 4 * 32
    plain = lab_tunable(96, batch_normalization=False)
    assert plain.count_params() == lab_tunable(96).count_params() - 4 * 96


@pytest.mark.parametrize("build", [lab_baseline, lambda: lab_tunable(4)])
def test_outputs_are_images_in_0_to_1(build):
    reconstruction = build()(random_images((3, 28, 28, 1))).numpy()
    assert reconstruction.shape == (3, 28, 28, 1)
    assert 0 < reconstruction.min() < reconstruction.max() < 1


@pytest.mark.parametrize("build", [lab_baseline, lambda **options: lab_tunable(4, **options)])
def test_the_initializer_reaches_every_kernel(build):
    kernels = [layer.kernel for layer in build(kernel_initializer="zeros").layers if hasattr(layer, "kernel")]
    assert len(kernels) == 5
    assert not any(np.any(kernel) for kernel in kernels)
    biases = [layer.bias.numpy() for layer in build().layers if hasattr(layer, "bias")]
    assert not np.concatenate(biases).any()


@pytest.mark.parametrize(("side", "larger"), [(28, 28), (56, 56), (14, 16), (29, 32), (30, 32), (31, 32)])
def test_any_size_passes_and_sides_that_are_no_multiple_of_4_grow(side, larger):
    free = lab_tunable(4, image_shape=(None, None, 1))
    fixed = lab_tunable(4)
    free.set_weights(fixed.get_weights())
    images = random_images((2, side, side, 1))
    assert free(images).shape == (2, larger, larger, 1)
    if side == 28:
        np.testing.assert_array_equal(free(images), fixed(images))


@pytest.mark.parametrize("filters", [-1, 0, 1])
def test_too_few_filters_are_refused(filters):
    with pytest.raises(ValueError, match=f"filters={filters}: expected 2 or more"):
        lab_tunable(filters)


# --- the networks are trained as their faster equals: these must be equal where the chapter relies on it


@pytest.mark.parametrize(
    "build", [lab_baseline, lambda: lab_tunable(4), lambda: lab_tunable(4, image_shape=(None, None, 1))]
)
def test_the_fused_network_is_equal(build):
    model = build()
    fused = fuse(model)
    assert sum(isinstance(layer, UpsampledConv2D) for layer in fused.layers) == 2
    for original, copied in zip(model.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_array_equal(original, copied)
    images = random_images((4, 28, 28, 1))
    np.testing.assert_allclose(fused(images), model(images), rtol=0, atol=1e-6)


def test_training_takes_the_steps_of_plain_keras():
    # a collapse must be the network's doing, not that of the faster equal or of the loop around it
    reference = np.zeros((32, 28, 28, 1), np.float32)
    reference[:, 8:20, 12:16] = 1  # a bar on 6 % of the image
    noisy = noise.gaussian(reference, sigma=0.5, seed=0)
    ours, plain = lab_baseline(), lab_baseline()
    plain.set_weights(ours.get_weights())
    curve = training.fit(
        ours,
        reference,
        lambda images, seed: noisy,
        validation=(noisy, reference),
        epochs=10,
        batch_size=32,
        optimizer=keras.optimizers.Adam(),
        seed=0,
    )
    plain.compile(keras.optimizers.Adam(), "mse", jit_compile=False)
    history = plain.fit(noisy, reference, epochs=10, batch_size=32, verbose=0).history
    assert curve["loss"].iloc[-1] < 0.8 * curve["loss"].iloc[0]
    np.testing.assert_allclose(curve["loss"], history["loss"], rtol=1e-3)
