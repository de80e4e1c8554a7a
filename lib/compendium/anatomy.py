"""A network layer by layer: the shape it gives, its parameters, and how many input pixels it can see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compendium.errors import UsageError

Reach = list[np.ndarray]
"""For each axis of a map the first and last input pixel that each position sees: arrays `(2, size)`."""

NOTHING = (1 << 30, -1)  # first and last pixel of a position that sees no pixel

_SEES_AS_BEFORE = {  # kinds of layers of which each position sees what the same position of the input sees
    "Activation",
    "Add",
    "BatchNormalization",
    "Concatenate",
    "Dense",
    "Dropout",
    "InputLayer",
    "LeakyReLU",
    "Multiply",
    "ReLU",
    "Rescaling",
    "Softmax",
}


@dataclass
class Step:
    """One layer in a network.

    Args:
        name: the layer's, unique among the steps.
        kind: the layer's class, such as "Conv2D".
        words: what it does, such as "convolution 3×3, stride 2, ReLU".
        shape: the shape of its output, without the axis of the images.
        parameters: how many weights it has.
        sees: (height, width) of the largest part of the input image that one output position depends on;
            None where the input is no image.
        inputs: names of the steps that it follows.
    """

    name: str
    kind: str
    words: str
    shape: tuple[int, ...]
    parameters: int
    sees: tuple[int, int] | None
    inputs: list[str] = field(default_factory=list)


def steps(network: Any) -> list[Step]:
    """Return the layers of a Keras network, first to last; a network inside it is replaced by its layers.

    Each branch is followed to its end before the next one.

    Raises UsageError for a network whose shapes are not fixed, or with a layer of unknown geometry.
    """
    reach: dict[str, Reach | None] = {}
    found: list[Step] = []
    for layer, inputs in _layers(network):
        shape = tuple(layer.output.shape[1:])
        if None in shape:
            raise UsageError(
                f"layer {layer.name!r} has the open shape {shape}; build the network for one size"
            )
        seen = [reach[name] for name in inputs]
        if not inputs:
            reach[layer.name] = (
                [np.array([range(size)] * 2) for size in shape[:2]] if len(shape) == 3 else None
            )
        elif any(each is None for each in seen):
            reach[layer.name] = None
        else:
            reach[layer.name] = _union([_reach(layer, each, shape) for each in seen])
        sees = reach[layer.name]
        found.append(
            Step(
                layer.name,
                type(layer).__name__,
                _words(layer),
                shape,
                layer.count_params(),
                sees and tuple(int((last - first).max()) + 1 for first, last in sees),
                inputs,
            )
        )
    return _chained(found)


def _chained(found: list[Step]) -> list[Step]:
    """Put each layer right behind one that it follows, where possible."""
    ordered: list[Step] = []
    waiting = list(found)
    while waiting:
        done = {step.name for step in ordered}
        ready = [step for step in waiting if done.issuperset(step.inputs)]
        chosen = next((step for step in ready if ordered and ordered[-1].name in step.inputs), ready[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _layers(network: Any) -> Iterator[tuple[Any, list[str]]]:
    """Yield each layer with the names of those before it; networks inside are opened."""
    ends: dict[str, list[str]] = {}  # of networks inside: the layers that give their outputs
    if not network.built:
        raise UsageError("the network has no input shape yet; build it first")
    if type(network).__name__ == "Sequential":
        chain = [network.inputs[0]._keras_history.operation, *network.layers]
        pairs = [
            (layer, [(before.name, 0)] if before else [])
            for before, layer in zip([None, *chain], chain, strict=False)
        ]
    else:
        described = {layer["name"]: layer["inbound_nodes"] for layer in network.get_config()["layers"]}
        pairs = [(layer, list(_sources(described[layer.name]))) for layer in network.layers]
    for layer, sources in pairs:
        inputs = [ends[name][index] if name in ends else name for name, index in sources]
        if not hasattr(layer, "layers"):
            yield layer, inputs
            continue
        outside = dict(zip(_input_names(layer), inputs, strict=True))
        for inner, before in _layers(layer):
            if type(inner).__name__ != "InputLayer":
                yield inner, [outside.get(name, name) for name in before]
        ends[layer.name] = [tensor._keras_history.operation.name for tensor in layer.outputs]


def _input_names(network: Any) -> list[str]:
    return [tensor._keras_history.operation.name for tensor in network.inputs]


def _sources(node: Any) -> Iterator[tuple[str, int]]:
    """Find the (layer, output) pairs in the description of a layer's inputs, however they are nested."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        name, _, index = node["config"]["keras_history"]
        yield name, index
    elif isinstance(node, dict | list | tuple):
        for part in node.values() if isinstance(node, dict) else node:
            yield from _sources(part)


def _reach(layer: Any, seen: Reach, shape: tuple[int, ...]) -> Reach:
    """Return what a layer's output sees, from what its input sees."""
    kind = type(layer).__name__
    if len(shape) < 3 or not seen:  # a vector: all of it
        return [_all(axis) for axis in seen]
    if kind in _SEES_AS_BEFORE:
        return seen
    if kind == "Reshape":
        return [np.repeat(_all(axis)[:, :1], size, axis=1) for axis, size in zip(seen, shape, strict=False)]
    if kind not in _WINDOWS:
        raise UsageError(
            f"layer {layer.name!r}: what a {kind} sees is not known; add it to compendium.anatomy"
        )
    windows = [_WINDOWS[kind](layer, axis, seen[axis].shape[1], shape[axis]) for axis in range(2)]
    return [_through(axis, window) for axis, window in zip(seen, windows, strict=True)]


def _all(axis: np.ndarray) -> np.ndarray:
    return np.broadcast_to([[axis[0].min()], [axis[1].max()]], axis.shape)


def _union(all_seen: Sequence[Reach]) -> Reach:
    def both(parts: tuple[np.ndarray, ...]) -> np.ndarray:
        return np.stack([np.min([p[0] for p in parts], axis=0), np.max([p[1] for p in parts], axis=0)])

    return [both(parts) for parts in zip(*all_seen, strict=True)]


def _through(seen: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return what is seen through windows: arrays `(2, size)` with each one's first and last position."""
    size = seen.shape[1]
    reached = []
    for first, last in window.T:
        part = seen[:, max(first, 0) : max(min(last, size - 1) + 1, 0)]
        reached.append((part[0].min(), part[1].max()) if part.size else NOTHING)
    return np.array(reached).T


def _sliding(layer: Any, axis: int, size: int, outputs: int) -> np.ndarray:
    """Return what is seen through convolution and pooling, with any padding."""
    kernel, stride, _ = _geometry(layer, axis)
    before = max((outputs - 1) * stride + kernel - size, 0) // 2 if layer.padding == "same" else 0
    first = np.arange(outputs) * stride - before
    return np.stack([first, first + kernel - 1])


def _transposed(layer: Any, axis: int, size: int, outputs: int) -> np.ndarray:
    kernel, stride, _ = _geometry(layer, axis)
    before = max(kernel - stride, 0) // 2 if layer.padding == "same" else 0
    position = np.arange(outputs) + before
    return np.stack([-((kernel - 1 - position) // stride), position // stride])


def _upsampled(layer: Any, axis: int, size: int, outputs: int) -> np.ndarray:
    factor = layer.size[axis]
    if layer.interpolation == "nearest":
        return np.stack([np.arange(outputs) // factor] * 2)
    if layer.interpolation != "bilinear":
        raise UsageError(f"layer {layer.name!r}: interpolation {layer.interpolation!r} is not known here")
    middle = (np.arange(outputs) + 0.5) / factor - 0.5
    return np.stack([np.floor(middle), np.ceil(middle)]).astype(int)


def _padded(layer: Any, axis: int, size: int, outputs: int) -> np.ndarray:
    return np.stack([np.arange(outputs) - layer.padding[axis][0]] * 2)


def _cropped(layer: Any, axis: int, size: int, outputs: int) -> np.ndarray:
    return np.stack([np.arange(outputs) + layer.cropping[axis][0]] * 2)


def _geometry(layer: Any, axis: int) -> tuple[int, int, int]:
    """Return the extent of a kernel or a pool with its holes, its stride, and its own size."""
    own = (layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size)[axis]
    dilation = layer.dilation_rate[axis] if hasattr(layer, "dilation_rate") else 1
    return (own - 1) * dilation + 1, layer.strides[axis], own


_WINDOWS = {
    "Conv2D": _sliding,
    "DepthwiseConv2D": _sliding,
    "SeparableConv2D": _sliding,
    "MaxPooling2D": _sliding,
    "AveragePooling2D": _sliding,
    "Conv2DTranspose": _transposed,
    "UpSampling2D": _upsampled,
    "ZeroPadding2D": _padded,
    "Cropping2D": _cropped,
}

_NAMES = {
    "InputLayer": "input",
    "Conv2D": "convolution",
    "Conv2DTranspose": "transposed conv.",
    "MaxPooling2D": "max pooling",
    "AveragePooling2D": "mean pooling",
    "UpSampling2D": "upsampling",
    "ZeroPadding2D": "padding with zeros",
    "Cropping2D": "cropping",
    "BatchNormalization": "batch normalisation",
    "Concatenate": "joined channels",
    "Flatten": "as one vector",
    "Reshape": "as a map",
    "Dense": "dense",
    "LatentSample": "sample of the code",
}


def _words(layer: Any) -> str:
    """Say what a layer does, in a line."""
    kind = type(layer).__name__
    words = _NAMES.get(kind, kind)
    if kind == "UpSampling2D":
        return f"{words} ×{layer.size[0]}, {layer.interpolation}"
    if kind in _WINDOWS and hasattr(layer, "strides"):
        own = [_geometry(layer, axis)[2] for axis in range(2)]
        words += f" {own[0]}×{own[1]}"
        pooling = not hasattr(layer, "kernel_size")
        if layer.strides[0] != (own[0] if pooling else 1):
            words += f", stride {layer.strides[0]}"
        if getattr(layer, "dilation_rate", (1, 1))[0] > 1:
            words += f", dilation {layer.dilation_rate[0]}"
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation != "linear":
        words += f", {'ReLU' if activation == 'relu' else activation}"
    return words
