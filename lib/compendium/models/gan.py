"""A small conditional generative adversarial network: a generator of images and its discriminator."""

import math

import keras
from keras import layers


def generator(
    image_shape: tuple[int, int, int], classes: int, *, noise: int = 16, filters: tuple[int, int] = (32, 16)
) -> keras.Model:
    """Build a network from noise `(n, noise)` and one-hot classes `(n, classes)` to images in [0, 1].

    A dense layer and two transposed convolutions of 4 x 4 with stride 2, after the generator of Radford et
    al. (2015); the class joins the noise, as in Mirza and Osindero (2014).

    Args:
        image_shape: height and width, which 4 divides, and channels.
        classes: number of classes, 2 or more.
        noise: numbers that an image is made from, besides its class.
        filters: channels of the dense layer, and filters of the first transposed convolution.
    """
    height, width, channels = image_shape
    smallest = (height // 4, width // 4, filters[0])
    inputs = keras.Input((noise,), name="noise"), keras.Input((classes,), name="one_hot")
    hidden = layers.Dense(math.prod(smallest), activation="relu")(layers.Concatenate()(inputs))
    hidden = layers.Reshape(smallest)(hidden)
    hidden = layers.Conv2DTranspose(filters[1], 4, strides=2, padding="same", activation="relu")(hidden)
    images = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", activation="sigmoid")(hidden)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], classes: int, *, filters: tuple[int, int] = (16, 32), dense: int = 64
) -> keras.Model:
    """Build a network from images and one-hot classes `(n, classes)` to the probability of being real.

    Two convolutions of 4 x 4 with stride 2, dropout, a dense layer of features, and one sigmoid, `(n, 1)`.
    Its argument is how real the features look plus how well they fit the class, a scalar product as in Miyato
    and Koyama (2018). SiLU replaces the leaky ReLU of Radford et al. (2015), which TensorFlow 2.20 fuses with
    the convolution before it, and then complains on stderr.

    Args:
        image_shape: height and width, which 4 divides, and channels.
        classes: number of classes, 2 or more.
        filters: number of filters of the two convolutions.
        dense: number of features.
    """
    image = keras.Input(image_shape, name="image")
    one_hot = keras.Input((classes,), name="one_hot")
    hidden = image
    for number in filters:
        hidden = layers.Conv2D(number, 4, strides=2, padding="same", activation="silu")(hidden)
    features = layers.Dense(dense, activation="silu")(layers.Dropout(0.3)(layers.Flatten()(hidden)))
    fit = layers.Dot(axes=1)([layers.Dense(dense, use_bias=False)(one_hot), features])
    real = layers.Activation("sigmoid", name="real")(layers.Add()([layers.Dense(1)(features), fit]))
    return keras.Model([image, one_hot], real, name="discriminator")
