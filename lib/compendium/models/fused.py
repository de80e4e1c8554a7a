"""Rewrite a chain of layers into one with the same weights and the same outputs that trains faster.

Two identities are used, both exact but for rounding:

- ReLU does not decrease, so it commutes with max pooling; pooled first, it touches a quarter of the values.
- A 3x3 convolution after nearest-neighbour upsampling by two reads each input pixel several times. Adding
  the kernel entries that meet the same pixel gives a transposed convolution with a 4x4 kernel and stride 2:
  four products per output value instead of nine.
"""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("compendium")
class UpsampledConv2D(layers.Layer):
    """`UpSampling2D(2)` and a 3x3 "same" `Conv2D` in one; kernel and bias have the shapes of `Conv2D`."""

    def __init__(self, filters: int, activation: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = keras.activations.get(activation)

    def get_config(self) -> dict[str, object]:
        """Return what `from_config` needs to build the layer again."""
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "filters": self.filters, "activation": activation}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `(3, 3, channels, filters)` and the bias `(filters,)`."""
        self.kernel = self.add_weight(shape=(3, 3, input_shape[-1], self.filters), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Map `(n, h, w, channels)` to `(n, 2h, 2w, filters)`."""
        kernel = _meet(_meet(self.kernel, axis=0), axis=1)
        kernel = ops.transpose(kernel, (0, 1, 3, 2))
        outputs = ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
        return self.activation(outputs + self.bias)


def _meet(kernel: keras.KerasTensor, axis: int) -> keras.KerasTensor:
    """Add the entries along `axis` that meet the same pixel before upsampling: three become four."""
    first, second, third = ops.split(kernel, 3, axis=axis)
    return ops.concatenate([third, second + third, first + second, first], axis=axis)


def fuse(model: keras.Model) -> keras.Model:
    """Return a faster model with the same weights, in the same order, and outputs equal to rounding.

    A model that is no plain chain of layers, or in which neither identity applies, is returned as it is.
    The weights are copied, not shared: after training, `model.set_weights(fused.get_weights())`.
    """
    if type(model) is not keras.Sequential:
        return model
    chain = _rewrite(list(model.layers))
    if [type(layer) for layer in chain] == [type(layer) for layer in model.layers]:
        return model
    fused = keras.Sequential([keras.Input(model.input_shape[1:]), *chain], name=f"{model.name}_fused")
    fused.set_weights(model.get_weights())
    return fused


def _rewrite(chain: list[layers.Layer]) -> list[layers.Layer]:
    rewritten: list[layers.Layer] = []
    while chain:
        layer, following = chain[0], chain[1] if len(chain) > 1 else None
        if _is_relu_convolution(layer) and isinstance(following, layers.MaxPooling2D):
            linear = layers.Conv2D.from_config({**layer.get_config(), "activation": "linear"})
            rewritten += [linear, _copy(following), layers.ReLU(dtype=following.dtype_policy)]
            chain = chain[2:]
        elif _is_doubling(layer) and _is_plain_3x3(following):
            rewritten.append(UpsampledConv2D(following.filters, following.activation, name=following.name))
            chain = chain[2:]
        else:
            rewritten.append(_copy(layer))
            chain = chain[1:]
    return rewritten


def _copy(layer: layers.Layer) -> layers.Layer:
    return type(layer).from_config(layer.get_config())


def _is_relu_convolution(layer: layers.Layer) -> bool:
    return (
        type(layer) is layers.Conv2D
        and layer.activation is keras.activations.relu
        and layer.activity_regularizer is None
    )


def _is_doubling(layer: layers.Layer) -> bool:
    plain = layers.UpSampling2D(2, data_format="channels_last", interpolation="nearest", name=layer.name)
    return type(layer) is layers.UpSampling2D and layer.get_config() == plain.get_config()


def _is_plain_3x3(layer: layers.Layer | None) -> bool:
    """Whether all that `UpsampledConv2D` does not take (strides, regularizers ...) is as usual."""
    if type(layer) is not layers.Conv2D:
        return False
    plain = layers.Conv2D(
        layer.filters,
        3,
        padding="same",
        data_format="channels_last",
        activation=layer.activation,
        kernel_initializer=layer.kernel_initializer,
        bias_initializer=layer.bias_initializer,
        name=layer.name,
    )
    return layer.get_config() == plain.get_config()
