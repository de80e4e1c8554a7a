"""A U-Net of partial convolutions, which never read an altered pixel."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from compendium.models.masked import ImpulseMask

Masked = tuple[keras.KerasTensor, keras.KerasTensor]
"""Features `(n, h, w, c)`, and where they rest on an intact pixel: 1, else 0, `(n, h, w, 1)`."""


@keras.saving.register_keras_serializable("compendium")
class PartialConv2D(layers.Layer):
    """A 3x3 "same" convolution that reads intact pixels alone and says which outputs rest on any.

    Of features and the share of intact pixels, 0 or 1, it gives the same of its outputs. A sum over a window
    is scaled by the number of its pixels over that of the intact ones; where there is none, it is 0.
    Source: Liu et al. (2018), doi:10.1007/978-3-030-01252-6_6, Eqs. 1 and 2.
    """

    def __init__(self, filters: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.convolution = layers.Conv2D(filters, 3, padding="same", use_bias=False)

    def get_config(self) -> dict[str, object]:
        """Return what `from_config` needs to build the layer again."""
        return {**super().get_config(), "filters": self.filters}

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Create the kernel and the bias."""
        features, _ = input_shape
        self.convolution.build(features)
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: list[keras.KerasTensor]) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Map `(n, h, w, c)` and `(n, h, w, 1)` to `(n, h, w, filters)` and `(n, h, w, 1)`."""
        features, intact = inputs
        ones = ops.ones((3, 3, 1, 1), intact.dtype)
        found = ops.conv(intact, ones, padding="same")
        there = ops.conv(ops.ones_like(intact), ones, padding="same")
        any_found = ops.cast(found > 0, features.dtype)
        sums = self.convolution(features * intact) * there / ops.maximum(found, 1)
        return (sums + self.bias) * any_found, any_found


def partial_unet(image_shape: tuple[int, int, int], *, filters: Sequence[int] = (16, 32, 64)) -> keras.Model:
    """Build the U-Net of `models.unet` from partial convolutions, for salt-and-pepper noise.

    The mask of altered pixels is found in the noisy image. Where a skip connection joins two features, a
    position counts as intact if it is in one of them; Liu et al. keep a mask for each channel.

    Args:
        image_shape: height, width and channels; both sides multiples of 2 to the number of poolings.
        filters: of each level, from the finest on.
    """

    def level(masked: Masked, width: int) -> Masked:
        for _ in range(2):
            features, intact = PartialConv2D(width)(list(masked))
            masked = layers.ReLU()(features), intact
        return masked

    noisy = keras.Input(image_shape, name="noisy")
    mask = ImpulseMask()(noisy)
    masked, passed = (noisy, 1 - mask), []
    for width in filters[:-1]:
        passed.append(level(masked, width))
        masked = tuple(layers.MaxPooling2D()(values) for values in passed[-1])
    masked = level(masked, filters[-1])
    for width in reversed(filters[:-1]):
        features, intact = (layers.UpSampling2D()(values) for values in masked)
        skipped, skipped_intact = passed.pop()
        joined = layers.Concatenate()([features, skipped]), layers.Maximum()([intact, skipped_intact])
        masked = level(joined, width)
    restored = layers.Conv2D(image_shape[-1], 1, name="reconstruction")(masked[0])
    return keras.Model(noisy, restored, name="partial_unet")
