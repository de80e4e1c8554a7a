"""Training speed of the salt-and-pepper paper's network: plain Keras, `compendium.training.fit`, PyTorch.

python benchmarks/training.py [--batch-size 128] [--images 2048] [--rounds 5] [--ablation]

All contenders train on the same noisy images with the same batch size and end every epoch with the same
validation images. Keras and PyTorch run in processes of their own, one at a time; each round gives every
contender a turn, so that a busy machine slows all alike, and the ratios are taken within a round. PyTorch is
left out where it is not installed.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np
import typer
from joblib import cpu_count

from compendium import data, noise

PLAIN, OURS, TORCH = "Keras model.fit, as it comes", "compendium.training.fit", "PyTorch, channels_last"
ABLATION = ["jit off", "jit off, pooling first", "jit off, upsampling fused", "jit off, both"]
VALIDATION = 256


def main(batch_size: int = 128, images: int = 2048, rounds: int = 5, ablation: bool = False) -> None:
    """Print images per second, and how many times as fast as plain `model.fit` each contender is."""
    keras_process = start(serve_keras, batch_size, images)
    turns = {name: keras_process for name in [PLAIN, *(ABLATION if ablation else []), OURS]}
    if importlib.util.find_spec("torch"):
        torch_process = start(serve_torch, batch_size, images)
        keras_process.send("weights")
        torch_process.send(keras_process.recv())
        print(f"PyTorch's outputs differ from Keras's by {torch_process.recv():.1e} at most")
        turns[TORCH] = torch_process
    else:
        print("PyTorch is not installed: no comparison with it")

    speeds = {name: [] for name in turns}
    for _ in range(rounds):
        for name, process in turns.items():
            process.send(name)
            speeds[name].append(process.recv())
    for process in set(turns.values()):
        process.send(None)

    print(
        f"{images} images 32x32x3, batch {batch_size}, {rounds} rounds, {cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':30}{'images/s':>9}  times plain Keras, median (range)")
    for name, values in speeds.items():
        ratios = np.array(values) / speeds[PLAIN]
        print(f"{name:30}{np.median(values):9.0f}  {describe(ratios)}")
    if TORCH in speeds:
        ratios = np.array(speeds[OURS]) / speeds[TORCH]
        print(f"{OURS} is {describe(ratios)} times as fast as PyTorch")


def describe(ratios: np.ndarray) -> str:
    """Format the median and the range."""
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def start(serve: Callable[..., None], batch_size: int, images: int) -> Connection:
    """Start a process that answers the name of a contender with its images per second."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=serve, args=(theirs, batch_size, images), daemon=True).start()
    return ours


def corrupt(images: np.ndarray, seed: int) -> np.ndarray:
    """Alter 30 % of the pixels."""
    return noise.salt_pepper(images, fraction=0.3, seed=seed)[0]


def image_pairs(images: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return reference and noisy images to train on, and the noisy and clean images of validation."""
    reference, test = data.load("photos", "train").images[:images], data.load("photos", "test").images
    return reference, corrupt(reference, 0), (corrupt(test[:VALIDATION], 1), test[:VALIDATION])


def requests(connection: Connection) -> Iterator[str]:
    """Yield what the main process asks for, until it says None."""
    return iter(connection.recv, None)


def serve_keras(connection: Connection, batch_size: int, images: int) -> None:
    """Answer for every contender that runs in Keras."""
    import keras

    from compendium import training
    from compendium.images import as_float
    from compendium.models import cae
    from compendium.models.fused import fuse

    reference, noisy, validation = image_pairs(images)
    network = cae()

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, *_: object) -> None:
            self.started = time.perf_counter()

        def on_epoch_end(self, *_: object) -> None:
            self.seconds = time.perf_counter() - self.started

    def partly_fused(encoder: bool, decoder: bool) -> keras.Model:
        model = cae()
        code = 1 + model.layers.index(model.get_layer("latent"))
        parts = [(encoder, model.layers[:code]), (decoder, model.layers[code:])]
        chain, shape = [], model.input_shape[1:]
        for fused, layers in parts:
            part = keras.Sequential([keras.Input(shape), *layers])
            chain += fuse(part).layers if fused else layers
            shape = part.output_shape[1:]
        return keras.Sequential([keras.Input(model.input_shape[1:]), *chain])

    def model_fit(model: keras.Model, **options: object) -> Callable[[], float]:
        model.compile(optimizer="adam", loss="mse", **options)
        floats = as_float(noisy), as_float(reference)
        held_out = tuple(map(as_float, validation))

        def seconds() -> float:
            clock = Clock()
            settings = {"batch_size": batch_size, "validation_data": held_out, "verbose": 0}
            model.fit(*floats, epochs=2, callbacks=[clock], **settings)
            return clock.seconds

        return seconds

    def ours() -> float:
        settings = {"validation": validation, "batch_size": batch_size, "seed": 0}
        optimizer = keras.optimizers.Adam()
        curves = training.fit(network, reference, corrupt, epochs=2, optimizer=optimizer, **settings)
        return curves["seconds"].iloc[-1]

    without, pooling, upsampling, both = ABLATION
    contenders = {
        PLAIN: model_fit(cae()),
        without: model_fit(cae(), jit_compile=False),
        pooling: model_fit(partly_fused(True, False), jit_compile=False),
        upsampling: model_fit(partly_fused(False, True), jit_compile=False),
        both: model_fit(partly_fused(True, True), jit_compile=False),
        OURS: ours,
    }
    for request in requests(connection):
        if request == "weights":
            few = as_float(noisy[:8])
            connection.send((network.get_weights(), few, keras.ops.convert_to_numpy(network(few))))
        else:
            connection.send(images / contenders[request]())


def serve_torch(connection: Connection, batch_size: int, images: int) -> None:
    """Answer for the same network, with the same initial weights, in eager PyTorch."""
    import torch
    from torch import nn

    from compendium.images import as_float

    reference, noisy, validation = image_pairs(images)

    def convolution(channels: int, filters: int, activation: nn.Module) -> list[nn.Module]:
        return [nn.Conv2d(channels, filters, 3, padding=1), activation]

    network = nn.Sequential(
        *convolution(3, 32, nn.ReLU()),
        nn.MaxPool2d(2),
        *convolution(32, 8, nn.ReLU()),
        nn.MaxPool2d(2),
        *convolution(8, 8, nn.ReLU()),
        nn.MaxPool2d(2),
        *convolution(8, 8, nn.ReLU()),
        nn.Upsample(scale_factor=2),
        *convolution(8, 32, nn.ReLU()),
        nn.Upsample(scale_factor=2),
        *convolution(32, 32, nn.ReLU()),
        nn.Upsample(scale_factor=2),
        *convolution(32, 3, nn.Sigmoid()),
    ).to(memory_format=torch.channels_last)

    def tensor(batch: np.ndarray) -> torch.Tensor:
        # a view of (n, h, w, c) as (n, c, h, w): in memory this is channels_last
        return torch.from_numpy(as_float(batch)).permute(0, 3, 1, 2)

    weights, few, expected = connection.recv()
    with torch.no_grad():
        for parameter, weight in zip(network.parameters(), weights, strict=True):
            weight = torch.from_numpy(weight)
            parameter.copy_(weight.permute(3, 2, 0, 1) if weight.ndim == 4 else weight)
        outputs = network(tensor(few)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-5)
    connection.send(np.abs(outputs - expected).max())

    optimizer = torch.optim.Adam(network.parameters())
    mean_squared_error = nn.MSELoss()
    rng = np.random.default_rng(0)

    def epoch() -> float:
        started = time.perf_counter()
        total = 0.0
        for chosen in np.split(rng.permutation(images), range(batch_size, images, batch_size)):
            optimizer.zero_grad()
            loss = mean_squared_error(network(tensor(noisy[chosen])), tensor(reference[chosen]))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        with torch.no_grad():
            mean_squared_error(network(tensor(validation[0])), tensor(validation[1])).item()
        return time.perf_counter() - started

    for _ in requests(connection):
        epoch()  # the others have an epoch to warm up too
        connection.send(images / epoch())


if __name__ == "__main__":
    typer.run(main)
