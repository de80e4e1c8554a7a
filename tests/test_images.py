"""Arrays of images as people have them: taken where the meaning is certain, else told what was found."""

import numpy as np
import pandas as pd
import pytest

from compendium import metrics, noise
from compendium.images import check_images

RANDOM = np.random.default_rng(0)
GREY, COLOUR = RANDOM.random((3, 16, 16)), RANDOM.random((3, 16, 16, 3))


def tensor(images):
    import keras

    return keras.ops.convert_to_tensor(images)


class Elsewhere:
    """A tensor that its framework does not let NumPy read."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Use Tensor.cpu()\nto copy the tensor first")


def read_only(images):
    copy = images.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(
    "given",
    [
        lambda images: images.astype(">f8"),
        lambda images: images.astype(">f4"),
        lambda images: images.astype("<f4"),
        lambda images: images.astype(np.float16),
        np.asfortranarray,
        lambda images: np.repeat(images, 2, axis=1)[:, ::2],
        lambda images: images[::-1][::-1],
        read_only,
        lambda images: images.tolist(),
        list,
        tensor,
        np.ma.masked_array,
    ],
)
def test_the_same_images_in_another_form_have_the_same_numbers(images, given):
    other = 1 - images
    found = metrics.mse(given(images), given(other))
    np.testing.assert_allclose(found, metrics.mse(images, other), atol=1e-3)


def test_a_framework_s_tensor_is_taken():
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(check_images(torch.from_numpy(GREY)), GREY)


@pytest.mark.parametrize("order", ["<", ">"])
def test_noise_of_either_byte_order_is_the_same(order):
    noisy, mask = noise.salt_pepper(GREY.astype(f"{order}f4"), fraction=0.3, seed=1)
    same, same_mask = noise.salt_pepper(GREY.astype(np.float32), fraction=0.3, seed=1)
    np.testing.assert_array_equal(noisy, same)
    np.testing.assert_array_equal(mask, same_mask)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (GREY > 0.5, r"found bool; if False is black and True white, write images.astype\(np.float32\)"),
        ((255 * GREY).astype(np.uint8), "found uint8; divide bytes by 255"),
        ((255 * GREY).astype(np.int64), "found int64; divide bytes by 255"),
        ((65535 * GREY).astype(np.uint16), "found uint16; divide by the number that stands for white"),
        ((255 * GREY).astype(np.int64) - 9, "found int64; divide by the number that stands for white"),
        (GREY.astype(np.longdouble), r"; write images.astype\(np.float32\)"),
        (255 * GREY, "; if white is 255, write images / 255"),
        (2 * GREY - 1, r"values outside \[0, 1\], found -\d"),
        (GREY[0], r"found shape \(16, 16\); if that is one image, write images\[np.newaxis\]"),
        (COLOUR[0], r"found shape \(16, 16, 3\); if that is one image, write images\[np.newaxis\]"),
        (COLOUR[0, :, :, :1], r"found shape \(16, 16, 1\); if that is one image"),
        (
            COLOUR.transpose(0, 3, 1, 2),
            r"found shape \(3, 3, 16, 16\); if the channels come first, write np.moveaxis\(images, 1, -1\)",
        ),
        (GREY[:, np.newaxis], r"found shape \(3, 1, 16, 16\); if the channels come first"),
        (np.ma.masked_greater(GREY, 0.5), r"with pixels of no value; write images.filled\(0\)"),
        ([GREY[0], GREY[1, :8]], "found images of different shapes"),
        (pd.DataFrame(GREY[0]), r"if that is one image, write images.to_numpy\(\)\[np.newaxis\]"),
        (
            pd.DataFrame(GREY.reshape(3, -1)),
            r"if each row is one image, write images.to_numpy\(\).reshape\(-1, 16, 16\)",
        ),
        (GREY.reshape(3, -1), r"found shape \(3, 256\); .* write images.reshape\(-1, 16, 16\)"),
        (COLOUR.reshape(3, -1), r"found shape \(3, 768\); .* write images.reshape\(-1, 16, 16, 3\)"),
        (np.zeros((3, 770)), r"found shape \(3, 770\); if that is one image"),
        (Elsewhere(), r"images: NumPy cannot read them \(Use Tensor.cpu\(\) to copy the tensor first\)"),
        (GREY.astype(str), "expected float32 or float64, found <U"),
        (None, "found shape"),
    ],
)
def test_what_could_mean_something_else_is_told_with_what_to_write(given, told):
    with pytest.raises(ValueError, match=told) as refusal:
        check_images(given)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("shape", [(16, 15, 3), (3, 7, 7), (2, 3, 15, 15), (2, 3, 16, 3), (2, 4, 16, 16)])
def test_small_images_and_many_channels_may_have_any_shape(shape):
    assert check_images(np.zeros(shape)).shape == shape


def test_whole_numbers_are_told_to_be_bytes_where_bytes_will_do():
    with pytest.raises(ValueError, match=r"found int64; write images.astype\(np.uint8\)"):
        noise.salt_pepper(np.zeros((2, 8, 8), np.int64), fraction=0.3, seed=1)
