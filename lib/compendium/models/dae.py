"""The denoising autoencoders of the report on depth and latent size."""

import math
from itertools import pairwise

import keras
from keras import initializers, layers

from compendium.errors import UsageError

SHRINKING = {13: (4, 2), 8: (7, 3), 5: (8, 5)}
"""Side of the latent -> kernel and stride that take 28x28 pixels to it with no pixel left over."""

LATENT_CHANNELS = 4


def dae(
    depth: int,
    latent: int,
    *,
    width: int = 16,
    padding: int = 0,
    initializer: str = "pytorch",
    output_bias: float | None = None,
) -> keras.Model:
    """Build DAE_`depth`_`latent` of Lalaj's report, Table 1: `depth` convolutions, and as many transposed.

    Input and output are float32 images `(n, 28, 28, 1)` in [0, 1]; the layer named `latent` holds the code,
    `(n, latent, latent, 4)`. The decoder mirrors the encoder. ReLU follows every layer but the last, which
    has a sigmoid.

    The report prints the shapes of image and latent and nothing between them. Here the outermost layers do
    all the shrinking and growing (`SHRINKING`), and the others are 3x3 with stride 1 and "same" padding. This
    one rule serves any depth: networks with the same latent differ only in the number of such layers. The
    keyword arguments are what the report leaves open.

    Args:
        depth: convolutions in the encoder, 1 or more; the report has 1, 3 and 5.
        latent: side of the latent: 13, 8 or 5.
        width: channels between image and latent, 1 or more; without effect at depth 1.
        padding: rows of zeros on each side of the image, 0 or more. The outermost kernels grow by twice as
            much, which keeps the shape of the latent: a way to give a network of depth 1 more parameters.
        initializer: "pytorch" draws kernels and biases as PyTorch does by default, uniformly within
            1/sqrt(fan in); a Keras name ("he_uniform") draws the kernels and leaves the biases at zero.
        output_bias: initial bias of the last layer; by default that of `initializer`.

    Raises UsageError for another depth, latent, width or padding.
    """
    if latent not in SHRINKING:
        raise UsageError(f"latent={latent!r}: give one of {', '.join(map(str, SHRINKING))}")
    for name, value, least in (("depth", depth, 1), ("width", width, 1), ("padding", padding, 0)):
        if value < least:
            raise UsageError(f"{name}={value!r}: give {least} or more")
    kernel, stride = SHRINKING[latent]
    outermost = {"kernel_size": kernel + 2 * padding, "strides": stride, "padding": "valid"}
    between = {"kernel_size": 3, "strides": 1, "padding": "same"}

    encoder: list[layers.Layer] = []
    decoder: list[layers.Layer] = []
    channels = [1, *[width] * (depth - 1), LATENT_CHANNELS]
    for step, (outer, inner) in enumerate(pairwise(channels)):
        shape = between if step else outermost
        fan_in = outer * shape["kernel_size"] ** 2
        start, mirrored_start = _start(initializer, fan_in), _start(initializer, fan_in)
        if not step and output_bias is not None:
            mirrored_start["bias_initializer"] = initializers.Constant(output_bias)
        name = "latent" if step == depth - 1 else None
        activation = "relu" if step else "sigmoid"
        encoder.append(layers.Conv2D(inner, **shape, **start, activation="relu", name=name))
        decoder.append(layers.Conv2DTranspose(outer, **shape, **mirrored_start, activation=activation))
    chain = [*encoder, *reversed(decoder)]
    if padding:
        chain = [layers.ZeroPadding2D(padding), *chain, layers.Cropping2D(padding)]
    return keras.Sequential([keras.Input((28, 28, 1), name="noisy"), *chain], name=f"DAE_{depth}_{latent}")


def _start(initializer: str, fan_in: int) -> dict[str, object]:
    """Return fresh initializers of a convolution, or of the transposed convolution that mirrors it.

    The fan in of PyTorch is `weight.size(1) * kernel_size**2`; as the weight of a transposed convolution has
    its first two axes exchanged, it is the same number for both.
    """
    if initializer != "pytorch":
        return {"kernel_initializer": initializer}
    bound = 1 / math.sqrt(fan_in)
    return {  # an object for each: one for both would draw the same numbers twice
        "kernel_initializer": initializers.RandomUniform(-bound, bound),
        "bias_initializer": initializers.RandomUniform(-bound, bound),
    }
