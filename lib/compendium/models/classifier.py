"""A small image classifier, for chapters that judge images by what can be learnt from them."""

import keras
from keras import layers


def classifier(
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: tuple[int, int] = (16, 32),
    dense: int = 64,
) -> keras.Model:
    """Build a convolutional network that maps images to class probabilities.

    Two 3 x 3 convolutions, each with max pooling and ReLU, a dense layer with ReLU, and softmax. Input:
    float32 images `(n, *image_shape)` in [0, 1]; output: `(n, classes)`. The network is this book's: the
    papers that mention a classifier do not describe it.

    Args:
        image_shape: height, width and channels.
        classes: number of classes, 2 or more.
        filters: number of filters of each of the two convolutions.
        dense: width of the dense layer.
    """
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(filters[0], 3, padding="same"),
            layers.MaxPooling2D(),
            layers.ReLU(),  # after pooling, which it commutes with, it touches a quarter of the values
            layers.Conv2D(filters[1], 3, padding="same"),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(dense, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ],
        name="classifier",
    )
