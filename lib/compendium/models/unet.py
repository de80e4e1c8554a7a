"""A small U-Net: a denoiser whose skip connections pass detail around the bottleneck."""

from collections.abc import Sequence

import keras
from keras import layers


def unet(
    image_shape: tuple[int, int, int], *, filters: Sequence[int] = (16, 32, 64), channels: int | None = None
) -> keras.Model:
    """Build a U-Net that maps images to images of the same height and width.

    Each level has two 3x3 convolutions with ReLU; max pooling leads down, nearest-neighbour upsampling up,
    where the output of the same level on the way down is joined. A 1x1 convolution without activation ends
    it. For 32x32x3 and the default filters these are 118,307 parameters and 28.8 million multiply-adds.
    Source: Ronneberger, Fischer and Brox (2015), doi:10.1007/978-3-319-24574-4_28, with fewer levels and
    filters, and "same" padding.

    Args:
        image_shape: height, width and channels; both sides multiples of 2 to the number of poolings.
        filters: of each level, from the finest on.
        channels: of the output; as many as of the input without.

    Raises ValueError where a side cannot be halved so often.
    """
    halvings = len(filters) - 1
    if any(side % 2**halvings for side in image_shape[:2]):
        raise ValueError(f"image_shape={image_shape}: sides must be multiples of {2**halvings}")

    def level(values: keras.KerasTensor, width: int) -> keras.KerasTensor:
        for _ in range(2):
            values = layers.Conv2D(width, 3, padding="same", activation="relu")(values)
        return values

    noisy = keras.Input(image_shape, name="noisy")
    values, passed = noisy, []
    for width in filters[:-1]:
        passed.append(level(values, width))
        values = layers.MaxPooling2D()(passed[-1])
    values = level(values, filters[-1])
    for width in reversed(filters[:-1]):
        values = layers.Concatenate()([layers.UpSampling2D()(values), passed.pop()])
        values = level(values, width)
    restored = layers.Conv2D(channels or image_shape[-1], 1, name="reconstruction")(values)
    return keras.Model(noisy, restored, name="unet")
