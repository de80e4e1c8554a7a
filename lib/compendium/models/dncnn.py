"""A small DnCNN: a plain chain of convolutions that estimates the noise and subtracts it."""

import keras
from keras import layers


def dncnn(image_shape: tuple[int | None, int | None, int], *, depth: int = 8, width: int = 32) -> keras.Model:
    """Build a residual denoiser of `depth` 3x3 convolutions, each but the last with `width` filters and ReLU.

    Batch normalization stands between the inner convolutions and their ReLU. The chain's output is
    subtracted from the input. No layer changes the size, so sides of any length, or None, fit, and an image
    that is shifted gives the shifted output, away from its border.
    Source: Zhang, Zuo, Chen, Meng and Zhang (2017), doi:10.1109/TIP.2017.2662206, which has 17 convolutions
    of 64 filters.

    Args:
        image_shape: height, width and channels.
        depth: number of convolutions, 2 or more.
        width: number of filters.
    """
    noisy = keras.Input(image_shape, name="noisy")
    values = layers.Conv2D(width, 3, padding="same", activation="relu")(noisy)
    for _ in range(depth - 2):
        values = layers.Conv2D(width, 3, padding="same", use_bias=False)(values)
        values = layers.ReLU()(layers.BatchNormalization()(values))
    noise = layers.Conv2D(image_shape[-1], 3, padding="same", name="noise")(values)
    return keras.Model(noisy, layers.Subtract(name="reconstruction")([noisy, noise]), name="dncnn")
