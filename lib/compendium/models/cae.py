"""The convolutional autoencoder of the salt-and-pepper paper."""

import keras
from keras import layers


def cae(
    *,
    output_activation: str = "sigmoid",
    kernel_initializer: str = "glorot_uniform",
    upsampling: str = "nearest",
    code_channels: int = 8,
    input_channels: int = 3,
) -> keras.Model:
    """Build the convolutional autoencoder (CAE) of Castaneda-Diaz et al. (2025), Table 1.

    Input and output are float32 images `(n, 32, 32, 3)` in [0, 1]; the layer named `latent` holds the
    code, `(n, 4, 4, 8)`, which is 128 numbers per image. The network has 16,827 trainable parameters.

    Kernels are 3x3 with "same" padding: the one size that gives Table 1's parameter counts. The table
    prints 4x4x8 for the third convolution; with its input of 8x8x8 and a pooling layer after it, it must
    be 8x8x8. Section 3.3 speaks of three transposed convolutions; Table 1, followed here, lists
    upsampling layers each followed by a convolution. The arguments are what the paper leaves open.

    Args:
        output_activation: activation of the last convolution.
        kernel_initializer: how the kernels are drawn.
        upsampling: interpolation of the upsampling layers, "nearest" or "bilinear".
        code_channels: of the code, 4 x 4 x so many numbers; the paper's 8.
        input_channels: 3, or 4 where the mask of altered pixels is given too (`masked.with_mask`).
    """

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
            keras.Input((32, 32, input_channels), name="noisy"),
            convolution(32),
            layers.MaxPooling2D(),  # 16 x 16 x 32
            convolution(8),
            layers.MaxPooling2D(),  # 8 x 8 x 8
            convolution(8),
            layers.MaxPooling2D(),  # 4 x 4 x 8
            convolution(code_channels, name="latent"),  # 4 x 4 x 8 = 128 numbers
            layers.UpSampling2D(interpolation=upsampling),
            convolution(32),
            layers.UpSampling2D(interpolation=upsampling),
            convolution(32),
            layers.UpSampling2D(interpolation=upsampling),
            convolution(3, output_activation, name="reconstruction"),
        ],
        name="cae",
    )
