"""An hourglass with thin skip connections: the network of the deep image prior, made small."""

import keras
from keras import layers


def hourglass(
    input_shape: tuple[int, int, int], channels: int, *, levels: int = 2, width: int = 32, skip: int = 4
) -> keras.Model:
    """Build a network that makes an image of noise, and finds it harder to make another noise.

    Each level halves the sides by a strided 3x3 convolution, another follows; on the way up the image is
    doubled bilinearly, joined with `skip` channels of the same level, and goes through a 3x3 and a 1x1
    convolution. Batch normalization and a leaky ReLU stand behind each. A sigmoid ends it.
    Source: Ulyanov, Vedaldi and Lempitsky (2020), doi:10.1007/s11263-020-01303-4, whose network has 5 levels
    of 128 channels.

    Args:
        input_shape: height, width and channels of the noise; both sides multiples of 2 to the `levels`.
        channels: of the image.
        levels: how often the sides are halved.
        width: channels of the convolutions.
        skip: channels that go around a level.

    Raises ValueError where a side cannot be halved so often.
    """
    if any(side % 2**levels for side in input_shape[:2]):
        raise ValueError(f"input_shape={input_shape}: sides must be multiples of {2**levels}")

    def unit(values: keras.KerasTensor, filters: int, size: int, stride: int = 1) -> keras.KerasTensor:
        values = layers.Conv2D(filters, size, strides=stride, padding="same")(values)
        return layers.LeakyReLU(negative_slope=0.2)(layers.BatchNormalization()(values))

    noise = keras.Input(input_shape, name="noise")
    values, passed = noise, []
    for _ in range(levels):
        passed.append(unit(values, skip, 1))
        values = unit(unit(values, width, 3, stride=2), width, 3)
    for around in reversed(passed):
        values = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(values), around])
        values = unit(unit(layers.BatchNormalization()(values), width, 3), width, 1)
    image = layers.Conv2D(channels, 1, activation="sigmoid", name="reconstruction")(values)
    return keras.Model(noise, image, name="hourglass")
