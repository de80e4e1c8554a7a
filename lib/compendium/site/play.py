"""The denoiser in the browser: recorded networks and test images, as scripts beside `book/_static/play.js`.

Each script adds one entry to `compendiumPlay.data`. Of a data set: a dozen test images. Of a chapter: the
networks of its published run, layer by layer, with float32 weights.
"""

import base64
import itertools
import json
from pathlib import Path

import h5py
import numpy as np

from compendium import data, products, project, results
from compendium.errors import CompendiumError
from compendium.files import write_atomically

STATIC = "book/_static"
IMAGES = {
    "photos": {
        71: "cat's eye",
        112: "coffee cup",
        88: "pavilion",
        159: "dahlia",
        180: "flag",
        25: "red motorcycle",
        87: "floodlit rocket",
        47: "launch tower",
        44: "stained tissue",
        83: "galaxy",
        130: "helmet",
        49: "petals",
    },
    "digits": {place: f"digit {place % 10}" for place in (20, 1, 12, 23, 14, 35, 46, 87, 8, 9, 73, 34)},
}
"""Data set -> index in its test split -> name."""

Described = dict[str, object]


def scripts() -> dict[str, str]:
    """Return the scripts by path in the book's source; made where the code, the runs or packages changed."""
    chapters = [name for name in CHAPTERS if name in project.chapters()]
    if not chapters:
        return {}
    folders = ("lib", *(_run(name).relative_to(project.ROOT).as_posix() for name in chapters))
    kept = products.place("play", itertools.chain(*map(products.inputs, folders)))
    if not kept.exists():
        made = {name: images(name) for name in IMAGES} | {name: chapter(name) for name in chapters}
        write_atomically(kept, json.dumps(made))
    return {
        f"{STATIC}/play-{name}.js": f"compendiumPlay.data[{json.dumps(name)}] = {json.dumps(content)};\n"
        for name, content in json.loads(kept.read_text(encoding="utf-8")).items()
    }


def images(name: str) -> Described:
    """Return a dozen test images of a data set: `side`, `channels`, and `index`, `name`, `bytes` of each."""
    test = data.load(name, "test")
    _, side, _, channels = test.images.shape
    chosen = [
        {"index": index, "name": called, "bytes": _text(test.images[index])}
        for index, called in IMAGES[name].items()
    ]
    return {"side": side, "channels": channels, "images": chosen}


def chapter(name: str) -> Described:
    """Return what the page needs of a chapter's published run, with its networks in `networks`."""
    folder = _run(name)
    parameters = results.load(name, folder.name)["parameters"]
    described, networks = CHAPTERS[name](parameters, folder)
    return described | {"seed": parameters["seed"], "networks": networks}


def layers(model: object, weights: Path) -> Described:
    """Return a chain of Keras layers with the weights of a file, in the terms of `play/network.js`."""
    model.load_weights(weights)
    return {"parameters": model.count_params(), "layers": [_layer(layer) for layer in model.layers]}


def _cae(parameters: Described, folder: Path) -> tuple[Described, list[Described]]:
    from compendium.models import cae

    def network(fraction: float) -> Described:
        model = cae(output_activation=parameters["output_activation"])
        name = f"{fraction:.0%}".replace("%", " %")
        return {"name": name, "level": fraction} | layers(model, folder / f"cae-{fraction}.weights.h5")

    shown = f"{parameters['train_images']:,} images of {_set(parameters)}"
    described = {"images": "photos", "kind": "saltPepper", "level": 0.6}
    described["learnt"] = f"salt-and-pepper noise on {shown}, one network for each level"
    return described, [network(fraction) for fraction in parameters["fractions"]]


def _dae(parameters: Described, folder: Path) -> tuple[Described, list[Described]]:
    from compendium.models import dae

    def network(path: Path) -> Described:
        depth, latent = (int(number) for number in path.name.split(".")[0].split("_")[1:])
        model = dae(depth, latent, width=parameters["width"])
        return {"name": model.name, "depth": depth, "latent": latent} | layers(model, path)

    networks = [network(path) for path in folder.glob("DAE_*.weights.h5")]
    networks.sort(key=lambda one: (-one["depth"], -one["latent"]))
    return _of_digits(parameters, parameters["noise_level"]), networks


def _tuned(parameters: Described, folder: Path) -> tuple[Described, list[Described]]:
    from compendium.models import lab_tunable

    path = folder / "tuned.weights.h5"
    with h5py.File(path) as file:
        filters = file["layers/conv2d/vars/0"].shape[-1]  # the search's choice
    network = {"name": "tuned"} | layers(lab_tunable(filters), path)
    return _of_digits(parameters, parameters["sigma"]), [network]


def _of_digits(parameters: Described, level: float) -> Described:
    learnt = f"Gaussian noise of σ = {level:g} on {parameters['train_images']:,} images of {_set(parameters)}"
    return {"images": "digits", "kind": "gaussian", "level": level, "learnt": learnt}


CHAPTERS = {"salt-pepper-cae": _cae, "depth-latent": _dae, "tuning": _tuned}
"""Chapter -> function from recorded parameters and their folder to what the page says, and the networks."""


def _set(parameters: Described) -> str:
    written = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "mnist": "MNIST"}
    return written.get(parameters["dataset"], parameters["dataset"])


def _run(chapter: str) -> Path:
    """Return the folder of the largest published run of a chapter that has weights."""
    folder = project.recorded(chapter)
    if folder and any(folder.glob("*.weights.h5")):
        return folder
    raise CompendiumError(
        f"{project.RESULTS / chapter}: no recorded weights; make them with "
        f"`compendium run {chapter} --profile cpu`, then `compendium publish` and its folder"
    )


def _layer(layer: object) -> Described:
    kind, about = type(layer).__name__, layer.get_config()
    if kind not in LAYERS:
        raise CompendiumError(f"layer {layer.name}: the page has no {kind}; add it to play.py and network.js")
    weights = dict(zip(("weights", "bias"), LAYERS[kind][1](layer), strict=False))
    described = {"kind": LAYERS[kind][0]} | {name: _text(np.float32(one)) for name, one in weights.items()}
    if "kernel_size" in about:
        described |= {"kernel": about["kernel_size"][0], "stride": about["strides"][0]}
        described["activation"] = about["activation"]
    return described | ({"same": about["padding"] == "same"} if "padding" in about else {})


def _convolution(layer: object) -> tuple[np.ndarray, ...]:
    return tuple(layer.get_weights())


def _transposed(layer: object) -> tuple[np.ndarray, ...]:
    kernel, bias = layer.get_weights()
    return kernel.transpose(0, 1, 3, 2), bias  # inputs before outputs, as in a convolution


def _normalisation(layer: object) -> tuple[np.ndarray, ...]:
    gain, shift, mean, variance = (one.astype(np.float64) for one in layer.get_weights())
    scale = gain / np.sqrt(variance + layer.epsilon)
    return scale, shift - mean * scale


def _nothing(layer: object) -> tuple[np.ndarray, ...]:
    return ()


LAYERS = {
    "Conv2D": ("convolution", _convolution),
    "Conv2DTranspose": ("transposed", _transposed),
    "BatchNormalization": ("scaling", _normalisation),
    "MaxPooling2D": ("pooling", _nothing),
    "UpSampling2D": ("upsampling", _nothing),
}
"""Keras's name -> the name in `play/network.js`, and the numbers that the layer brings."""


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
