"""What a network can be told of salt-and-pepper noise: which pixels it altered, and that the others stay.

An altered pixel is one that is black or white in all channels, as `baselines.impulse_mask` finds it. So a
network that is given the mask is told nothing that interpolation does not know.
"""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("compendium")
class ImpulseMask(layers.Layer):
    """1 where all channels of a pixel are 0 or all are 1, else 0: `(n, h, w, c)` to `(n, h, w, 1)`."""

    def call(self, noisy: keras.KerasTensor) -> keras.KerasTensor:
        """Return the mask of float images in [0, 1]."""
        black, white = (ops.all(noisy == value, axis=-1, keepdims=True) for value in (0.0, 1.0))
        return ops.cast(ops.logical_or(black, white), noisy.dtype)


@keras.saving.register_keras_serializable("compendium")
class KeepIntact(layers.Layer):
    """Of images, a mask and other images, the first where the mask is 0, else the last."""

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Return images `(n, h, w, c)`."""
        noisy, mask, restored = inputs
        return noisy + mask * (restored - noisy)


@keras.saving.register_keras_serializable("compendium")
class FillAltered(layers.Layer):
    """Of images and a mask, the images with masked pixels at the mean of the others around them.

    The window is the smallest of `WINDOWS` that has any; where none has, a pixel becomes 0.
    """

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Return images `(n, h, w, c)`."""
        noisy, mask = inputs
        intact = 1 - mask
        filled, found = noisy * intact, intact
        for size in WINDOWS:
            total, share = (ops.average_pool(values, size, 1, "same") for values in (noisy * intact, intact))
            there = ops.cast(share > 0, noisy.dtype)
            filled = filled + (1 - found) * total / ops.maximum(share, 1e-6)
            found = ops.maximum(found, there)
        return filled


WINDOWS = (3, 7, 15, 63)
"""Sides of the windows in which `FillAltered` looks for pixels, in its order."""


def with_mask(network: keras.Model) -> keras.Model:
    """Return a network of noisy images alone from one whose last input channel is the mask.

    network: maps `(n, h, w, c + 1)` to `(n, h, w, c)`. Its layers are shared, not copied.
    """
    height, width, channels = network.input_shape[1:]
    noisy = keras.Input((height, width, channels - 1), name="noisy")
    seen = layers.Concatenate()([noisy, ImpulseMask()(noisy)])
    return keras.Model(noisy, network(seen), name=f"{network.name}_mask")


def with_intact(network: keras.Model) -> keras.Model:
    """Return a network whose outputs have the intact pixels of its input put back.

    network: maps noisy images to images of the same shape. Its layers are shared, not copied.
    """
    noisy = keras.Input(network.input_shape[1:], name="noisy")
    restored = KeepIntact()([noisy, ImpulseMask()(noisy), network(noisy)])
    return keras.Model(noisy, restored, name=f"{network.name}_intact")


def with_filling(network: keras.Model) -> keras.Model:
    """Return a network that corrects a rough interpolation, from one that says what to add to it.

    network: maps images and the mask, `(n, h, w, c + 1)`, to `(n, h, w, c)`; its last layer has kernel and
    bias, which become 0, so that training begins at the interpolation of `FillAltered`. It is given the
    interpolated images. Intact pixels stay as they are. Its layers are shared, not copied.
    """
    height, width, channels = network.input_shape[1:]
    last = network.layers[-1]
    last.set_weights([0 * weight for weight in last.get_weights()])
    noisy = keras.Input((height, width, channels - 1), name="noisy")
    mask = ImpulseMask()(noisy)
    filled = FillAltered()([noisy, mask])
    corrected = layers.Add()([filled, network(layers.Concatenate()([filled, mask]))])
    return keras.Model(noisy, KeepIntact()([noisy, mask, corrected]), name=f"{network.name}_filling")
