"""The variational autoencoder of the latent-filtering paper."""

import math
from collections.abc import Sequence

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("compendium")
class LatentSample(layers.Layer):
    """Draw `z` from the normal distribution of `z_mean` and `z_log_var`; give `z_mean` outside training.

    Adds to the model's loss `divergence_weight` times the mean over the batch of the Kullback-Leibler
    divergence of that distribution from the standard normal one, in nats.
    """

    def __init__(self, divergence_weight: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.divergence_weight = divergence_weight
        # its state is a variable of the model, so a checkpoint holds it
        self.seed_generator = keras.random.SeedGenerator()

    def get_config(self) -> dict[str, object]:
        """Return what `from_config` needs to build the layer again."""
        return {**super().get_config(), "divergence_weight": self.divergence_weight}

    def call(self, inputs: Sequence[keras.KerasTensor], training: bool = False) -> keras.KerasTensor:
        """Map `z_mean` and `z_log_var`, both `(n, latent)`, to `z`, `(n, latent)`."""
        z_mean, z_log_var = inputs
        divergence = ops.sum(ops.square(z_mean) + ops.exp(z_log_var) - z_log_var - 1, axis=-1) / 2
        self.add_loss(self.divergence_weight * ops.mean(divergence))
        if not training:
            return z_mean
        return z_mean + ops.exp(z_log_var / 2) * keras.random.normal(
            ops.shape(z_mean), seed=self.seed_generator
        )


def vae(
    image_shape: tuple[int, int, int],
    *,
    filters: tuple[int, int] = (512, 1024),
    dense: int = 400,
    latent: int = 100,
    beta: float = 1.0,
) -> keras.Model:
    """Build the variational autoencoder (VAE) of Halmuratov and Veselý, Tables 1 and 2.

    Input and output are float32 images `(n, *image_shape)` in [0, 1]. The layers named `encoder` and
    `decoder` are models: the encoder's outputs are `z_mean`, `z_log_var` and `z`, each `(n, latent)`; the
    decoder maps `(n, latent)` to images. With the defaults and images of 28 x 28 x 1 the encoder has the
    paper's 24,875,736 parameters. The decoder has the paper's 19,225,088 and 4,609 more: Table 2 ends with
    512 channels, so we add the output layer of the Keras example with the same layer names, a 3 x 3
    transposed convolution with a sigmoid. Kernels of 3 x 3 and strides of 2 fit the tables' shapes and
    counts; ReLU after every layer before the outputs is taken from that example.

    With the loss "binary_crossentropy" (a mean over pixels and channels), the whole loss in training is the
    negative evidence lower bound divided by the number of values in an image, its divergence weighted with
    `beta` (Higgins et al. 2017).

    Args:
        image_shape: height and width, which 4 divides, and channels.
        filters: number of filters of the first and second convolution; the decoder has them in reverse order.
        dense: width of the encoder's dense layer.
        latent: numbers in a code.
        beta: weight of the divergence, 0 or more; 1 gives the evidence lower bound itself.

    Raises ValueError where 4 does not divide height and width: the decoder could not give them back.
    """
    height, width, channels = image_shape
    if height % 4 or width % 4:
        raise ValueError(f"image_shape: expected a height and width that 4 divides, found {image_shape}")

    def convolution(kind: type[layers.Layer], number: int) -> layers.Layer:
        return kind(number, 3, strides=2, padding="same", activation="relu")

    images = keras.Input(image_shape, name="encoder_input")
    hidden = convolution(layers.Conv2D, filters[0])(images)
    hidden = convolution(layers.Conv2D, filters[1])(hidden)
    hidden = layers.Dense(dense, activation="relu")(layers.Flatten()(hidden))
    z_mean = layers.Dense(latent, name="z_mean")(hidden)
    z_log_var = layers.Dense(latent, name="z_log_var")(hidden)
    z = LatentSample(beta / math.prod(image_shape), name="z")([z_mean, z_log_var])
    encoder = keras.Model(images, [z_mean, z_log_var, z], name="encoder")

    codes = keras.Input((latent,), name="z_sampling")
    smallest = (height // 4, width // 4, filters[1])
    hidden = layers.Dense(math.prod(smallest), activation="relu")(codes)
    hidden = layers.Reshape(smallest)(hidden)
    hidden = convolution(layers.Conv2DTranspose, filters[1])(hidden)
    hidden = convolution(layers.Conv2DTranspose, filters[0])(hidden)
    output = layers.Conv2DTranspose(channels, 3, padding="same", activation="sigmoid", name="decoder_output")
    decoder = keras.Model(codes, output(hidden), name="decoder")

    return keras.Model(images, decoder(encoder(images)[2]), name="vae")
