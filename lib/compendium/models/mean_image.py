"""The mean-image report's autoencoder, and a network of the same parts that separates two images."""

import keras
from keras import layers


def mean_image_autoencoder(*, output_activation: str = "sigmoid") -> keras.Model:
    """Build the autoencoder of the mean-image report from the shapes printed in its section 3.

    Input and output are float32 images `(n, 32, 32, 3)`, the output in [0, 1] with a sigmoid; the layer named
    `latent` holds the code, `(n, 2, 2, 64)`, which is 256 numbers per image. The network has 210,947
    parameters.

    The report prints the shapes of PyTorch's weights and no stride, padding or activation. Two strides of 2
    and an unpadded 7x7 kernel are how such networks are usually written, and bring 32x32 pixels to 2x2. With
    stride 2, PyTorch's `padding=1` pads an image of even size before its first row and column, while "same"
    in Keras pads it after the last: the two agree when images and kernels are rotated by 180 degrees.

    Args:
        output_activation: activation of the last layer, of which the printed shapes say nothing.
    """
    return keras.Sequential(
        [keras.Input((32, 32, 3), name="mean_image"), *_encoder(), *_decoder(output_activation)],
        name="mean_image_autoencoder",
    )


def separator(*, skips: bool = True) -> keras.Model:
    """Build a network that takes the mean of two images apart: one encoder, two decoders.

    Encoder and decoders are those of `mean_image_autoencoder`. The input is mean images, float32
    `(n, 32, 32, 3)` in [0, 1]; the output is `(n, 32, 32, 6)` in [0, 1], the first image's channels before
    the second's.

    With `skips`, each decoder also gets the encoder's maps of equal size, as in U-Net (Ronneberger, Fischer
    and Brox 2015, doi:10.1007/978-3-319-24574-4_28): 326,470 parameters. Without them, a decoder sees only
    the 256 numbers of the code: 316,390 parameters.
    """
    mean_image = keras.Input((32, 32, 3), name="mean_image")
    maps = [mean_image]
    for layer in _encoder():
        maps.append(layer(maps[-1]))

    def decode() -> keras.KerasTensor:
        image = maps[-1]
        for size, layer in enumerate(_decoder("sigmoid")):
            if skips and size > 0:
                image = layers.Concatenate()([image, maps[-1 - size]])
            image = layer(image)
        return image

    parts = layers.Concatenate(name="parts")([decode(), decode()])
    return keras.Model(mean_image, parts, name="separator")


def _encoder() -> list[layers.Layer]:
    return [
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),  # 16 x 16 x 16
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 8 x 8 x 32
        layers.Conv2D(64, 7, name="latent"),  # 2 x 2 x 64 = 256 numbers
    ]


def _decoder(output_activation: str) -> list[layers.Layer]:
    return [
        layers.Conv2DTranspose(32, 7, activation="relu"),  # 8 x 8 x 32
        layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),  # 16 x 16 x 16
        layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation=output_activation),
    ]
