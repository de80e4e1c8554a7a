import keras
import numpy as np
import pytest
from keras import layers

from compendium import anatomy, models
from compendium.errors import UsageError


def fields(network):
    """(height, width) of the largest part of the input that moves one position of each layer's output.

    Found by shining through an actual network: with positive weights, no biases, no activations, and means
    in place of maxima, nothing cancels, and a position's gradient is not zero where a lone pixel reaches it.
    """

    def changed(layer):
        config = layer.get_config()
        if "activation" in config:
            config["activation"] = "linear"
        if isinstance(layer, layers.MaxPooling2D):
            return layers.AveragePooling2D.from_config(config)
        return type(layer).from_config(config)

    plain = keras.models.clone_model(network, clone_function=changed)
    for layer in plain.layers:
        kinds = [0.0, 1.0] if isinstance(layer, layers.BatchNormalization) else [0.0, 0.1]
        shapes = [weight.shape for weight in layer.get_weights()]
        values = [1.0, 0.0, 0.0, 1.0] if kinds[1] == 1 else [kinds[len(shape) > 1] for shape in shapes]
        layer.set_weights([np.full(*each, "float32") for each in zip(shapes, values, strict=True)])
    height, width, channels = network.input_shape[1:]
    lone = np.eye(height * width, dtype="float32").reshape(-1, height, width, 1).repeat(channels, axis=-1)
    maps = {layer.name: layer.output for layer in plain.layers if len(layer.output.shape) == 4}
    reached = keras.Model(plain.inputs[0], maps)(lone)
    return {name: _largest(np.asarray(each).any(axis=-1), height, width) for name, each in reached.items()}


def _largest(reached, height, width):
    lit = reached.reshape(height, width, -1)  # of each pixel, the positions that it reaches
    return tuple(
        max(int(np.ptp(np.flatnonzero(line))) + 1 for line in lit.any(axis=axis).T if line.any())
        for axis in (1, 0)
    )


def chain(*parts, size=(20, 17)):
    return keras.Sequential([keras.Input((*size, 1)), *parts])


def convolution(*arguments, **options):
    return layers.Conv2D(1, *arguments, **options)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (chain(convolution(3)), (3, 3)),
        (chain(convolution(3), convolution(5, padding="same")), (7, 7)),
        (chain(convolution((3, 5), dilation_rate=2)), (5, 9)),
        (chain(convolution(3, strides=2, padding="same"), convolution(3, padding="same")), (7, 7)),
        (chain(layers.AveragePooling2D(2), convolution(3)), (6, 6)),
        (chain(layers.AveragePooling2D(3, strides=2, padding="same"), convolution(2)), (5, 5)),
        (chain(layers.UpSampling2D(2), convolution(3)), (2, 2)),
        (chain(layers.UpSampling2D(2), convolution(4)), (3, 3)),
        (chain(layers.UpSampling2D(2, interpolation="bilinear"), convolution(3)), (3, 3)),
        (chain(layers.Conv2DTranspose(1, 3, strides=2, padding="same")), (2, 2)),
        (chain(layers.Conv2DTranspose(1, 7, strides=3)), (3, 3)),
        (chain(layers.Conv2DTranspose(1, 2, strides=3)), (1, 1)),
        (chain(layers.ZeroPadding2D(2), convolution(5), layers.Cropping2D(1)), (5, 5)),
        (chain(convolution(3), layers.Flatten(), layers.Dense(3)), (20, 17)),
    ],
)
def test_the_field_is_what_the_gradient_reaches(network, expected):
    assert anatomy.steps(network)[-1].sees == expected
    if len(network.output_shape) == 4:
        assert fields(network)[network.layers[-1].name] == expected


@pytest.mark.parametrize(
    "network",
    [
        models.cae(),
        models.dae(3, 8),
        models.dae(3, 5, padding=2),
        models.mean_image_autoencoder(),
        models.separator(),
        models.lab_tunable(4),
    ],
    ids=lambda network: network.name,
)
def test_the_fields_of_the_papers_networks_are_what_the_gradient_reaches(network):
    found = {step.name: step.sees for step in anatomy.steps(network)}
    del found[network.inputs[0]._keras_history.operation.name]
    assert len(found) > 5
    for name, field in fields(network).items():
        if name in found:
            assert found[name] == field, name


@pytest.mark.parametrize(
    "network",
    [models.cae(), models.separator(), models.vae((28, 28, 1), filters=(4, 8), dense=10, latent=3)],
    ids=lambda network: network.name,
)
def test_every_layer_is_there_once_after_those_that_it_follows(network):
    steps = anatomy.steps(network)
    names = [step.name for step in steps]
    assert len(set(names)) == len(names)
    for step in steps:
        assert all(names.index(name) < names.index(step.name) for name in step.inputs)
    assert sum(step.parameters for step in steps) == network.count_params()
    assert steps[0].inputs == []
    assert all(step.inputs for step in steps[1:])
    assert steps[-1].shape == network.output_shape[1:]


def test_a_branch_is_followed_to_its_end():
    kinds = [step.kind for step in anatomy.steps(models.separator())]
    decoder = ["Conv2DTranspose", "Concatenate", "Conv2DTranspose", "Concatenate", "Conv2DTranspose"]
    assert kinds == ["InputLayer", *["Conv2D"] * 3, *decoder, *decoder, "Concatenate"]


def test_each_input_of_a_network_inside_is_followed_to_its_own():
    def pair(names):
        return [keras.Input((8, 8, 1), name=name) for name in names]

    inside = pair(("one", "two"))
    inner = keras.Model(inside, layers.Concatenate()([convolution(3)(one) for one in inside]))
    outside = pair(("left", "right"))
    steps = anatomy.steps(keras.Model(outside, convolution(3)(inner(outside))))
    assert [step.inputs for step in steps if step.kind == "Conv2D"][:2] == [["left"], ["right"]]


def test_what_cannot_be_told_is_refused_in_one_line():
    with pytest.raises(UsageError, match="open shape"):
        anatomy.steps(models.lab_tunable(4, image_shape=(None, None, 1)))
    with pytest.raises(UsageError, match="no input shape"):
        anatomy.steps(keras.Sequential([layers.Conv2D(1, 3)]))
    with pytest.raises(UsageError, match="Permute"):
        anatomy.steps(chain(layers.Permute((2, 1, 3))))
