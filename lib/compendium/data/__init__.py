"""Data sets: `load` or `fetch` one, or ask for its `state` or `fingerprint`; `folder` holds those on disk.

MNIST, CIFAR-10 and CIFAR-100 are read from their official binary files on disk; `digits` and `photos` come
with installed packages and need no network; `folder:PATH` is a folder of your own images (see `data.own`). An
absent set is an error; no other set takes its place.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compendium.data import embedded, own, stored
from compendium.data.catalogue import CATALOGUE, NAMES, SPLITS, check_name, check_split
from compendium.data.download import Source, fetch
from compendium.data.embedded import photo_boxes
from compendium.data.stored import folder
from compendium.errors import CompendiumError

__all__ = [
    "CATALOGUE",
    "NAMES",
    "SPLITS",
    "ImageSet",
    "Source",
    "check_fits",
    "fetch",
    "fingerprint",
    "folder",
    "is_set",
    "load",
    "photo_boxes",
    "state",
]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of a data set.

    Args:
        images: uint8 (n, h, w, c), 0 to 255.
        labels: int64 (n,), indices into `classes`.
        classes: the names of the classes.
        name: as `load` takes it; of a folder's path only the last part.
        notes: what a reader of results on this set must know.
        sha256: hexadecimal hash of the image bytes followed by one byte per label, or two per label where
            there are more than 256 classes.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    notes: tuple[str, ...]
    sha256: str


def load(name: str, split: str = "train") -> ImageSet:
    """Load the split "train" or "test" of a data set: one of NAMES, or a folder.

    A folder of your own images is named `folder:PATH`, or `folder:PATH@32` for images cut and averaged down
    to 32x32 pixels. The classes of "cifar100" are the fine ones; `photo_boxes` says how "photos" is cut.

    Raises UsageError for an unknown name or split, CompendiumError naming file, fault and remedy if the set
    is absent or damaged.
    """
    check_split(split)
    if own.is_own(name):
        images, labels, classes, notes = own.read(name, split)
        return _image_set(images, labels, classes, own.display_name(name), notes)
    check_name(name)
    if CATALOGUE[name].folder:
        images, labels, notes = stored.read(name, split, folder())
    else:
        images, labels, notes = embedded.read(name, split)
    return _image_set(images, labels, CATALOGUE[name].classes, name, notes)


def is_set(name: object) -> bool:
    """Return whether a parameter's value names a data set: a known one, or a folder of images."""
    return isinstance(name, str) and (name in NAMES or own.is_own(name))


def check_fits(name: str, others: Iterable[str]) -> None:
    """Check that a folder's images have the shape of one of the sets `others`, for which a network is made.

    A `name` that is not a folder's always fits; names among `others` that are no set's are ignored. Raises
    UsageError where the images have another shape, CompendiumError where they cannot be used.
    """
    shapes = {other: CATALOGUE[other].shape for other in others if other in NAMES}
    if own.is_own(name) and shapes:
        own.check_shape(name, shapes)


def fingerprint(name: str) -> str:
    """Return a hexadecimal hash of the files a set is made from: it changes when they do.

    Raises UsageError for an unknown name, CompendiumError if the set is absent or unreadable.
    """
    if own.is_own(name):
        return own.fingerprint(name)
    check_name(name)
    combined = hashlib.sha256()
    for path in _files(name):
        try:
            with path.open("rb") as file:
                combined.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        except OSError as fault:
            raise CompendiumError(f"{path}: {fault.strerror}; make the file readable") from None
    return combined.hexdigest()


def state(name: str) -> str:
    """Return whether a set is "embedded", "absent", "present", "damaged" or "other data" under its name.

    Of the files on disk those of the test split are read, which takes a moment; raises UsageError for an
    unknown name.
    """
    check_name(name)
    if not CATALOGUE[name].folder:
        return "embedded"
    try:
        stored.files(name)
    except CompendiumError:
        return "absent"
    try:
        stored.read(name, "test", folder())
    except stored.OtherDataError:
        return "other data"
    except CompendiumError:
        return "damaged"
    return "present"


def _image_set(
    images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], name: str, notes: tuple[str, ...]
) -> ImageSet:
    digest = hashlib.sha256(images)
    digest.update(labels.tobytes())
    return ImageSet(images, labels.astype(np.int64), classes, name, notes, digest.hexdigest())


def _files(name: str) -> list[Path]:
    return stored.files(name) if CATALOGUE[name].folder else embedded.files(name)
