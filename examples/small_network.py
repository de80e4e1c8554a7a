"""A method that trains: a network of three convolutions, for any of the tasks."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers


def train(
    noisy: np.ndarray, clean: np.ndarray, validation: tuple[np.ndarray, np.ndarray], seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Train on noisy and clean images (n, h, w, c); return the denoiser with the least validation error."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.Input(clean.shape[1:]),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.Conv2D(clean.shape[-1], 5, padding="same"),
        ]
    )
    network.compile("adam", "mse", jit_compile=False)
    best = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    network.fit(
        noisy, clean, validation_data=validation, epochs=10, batch_size=32, callbacks=[best], verbose=0
    )
    return lambda noisy: network.predict(noisy, verbose=0).clip(0, 1)
