"""The two convolutional autoencoders of the tuning lab: the baseline and the one whose width is searched."""

import keras
from keras import layers

ImageShape = tuple[int | None, int | None, int]


def lab_baseline(
    *,
    batch_normalization: bool = False,
    kernel_initializer: str = "glorot_uniform",
    image_shape: ImageShape = (28, 28, 1),
) -> keras.Model:
    """Build the tuning lab's baseline autoencoder (its "Baseline Autoencoder Architecture").

    Input and output are float32 images `(n, 28, 28, 1)` in [0, 1]; the code is `(n, 7, 7, 32)`, twice as many
    numbers as an image has pixels. The network has 28,353 parameters. The arguments are what the lab, or this
    book, changes.

    Args:
        batch_normalization: whether batch normalisation follows the first convolution, as in `lab_tunable`.
        kernel_initializer: how the kernels are drawn; the lab leaves it at Keras's default.
        image_shape: height, width and channels; None for height and width admits images of any size. A side
            that is no multiple of 4 becomes the next larger multiple in the reconstruction.
    """
    return _autoencoder("lab_baseline", 32, 32, batch_normalization, kernel_initializer, image_shape)


def lab_tunable(
    filters: int,
    *,
    batch_normalization: bool = True,
    kernel_initializer: str = "glorot_uniform",
    image_shape: ImageShape = (28, 28, 1),
) -> keras.Model:
    """Build the autoencoder that the tuning lab searches over (its `build_model`).

    It is `lab_baseline` with batch normalisation, with `filters` filters in the outer convolutions, and with
    half as many in the two inner ones: at 32 filters it has fewer weights (12,321) than the baseline.

    Args:
        filters: number of filters of the outer convolutions, 2 or more; the lab searches 32, 64, 96 and 128.
        batch_normalization: whether it follows the first convolution.
        kernel_initializer: as in `lab_baseline`.
        image_shape: as in `lab_baseline`.

    Raises ValueError for fewer than two filters.
    """
    if filters < 2:
        raise ValueError(f"filters={filters!r}: expected 2 or more, since the inner layers have half as many")
    name = f"lab_tunable_{filters}"
    return _autoencoder(name, filters, filters // 2, batch_normalization, kernel_initializer, image_shape)


def _autoencoder(
    name: str,
    outer: int,
    inner: int,
    batch_normalization: bool,
    kernel_initializer: str,
    image_shape: ImageShape,
) -> keras.Model:
    def convolution(filters: int, activation: str = "relu", name: str | None = None) -> layers.Layer:
        return layers.Conv2D(
            filters,
            3,
            padding="same",
            activation=activation,
            kernel_initializer=kernel_initializer,
            name=name,
        )

    return keras.Sequential(
        [
            keras.Input(image_shape, name="noisy"),
            convolution(outer),
            *([layers.BatchNormalization()] if batch_normalization else []),
            layers.MaxPooling2D(padding="same"),  # 14 x 14
            convolution(inner),
            layers.MaxPooling2D(padding="same", name="latent"),  # 7 x 7
            convolution(inner),
            layers.UpSampling2D(),  # 14 x 14
            convolution(outer),
            layers.UpSampling2D(),  # 28 x 28
            convolution(1, "sigmoid", name="reconstruction"),
        ],
        name=name,
    )
