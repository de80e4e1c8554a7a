"""Data sets: `load` one, `fetch` it, or ask for its `state`, `folder` and `fingerprint`.

MNIST, CIFAR-10 and CIFAR-100 are read from their official binary files on disk; `digits` and `photos` come
with installed packages and need no network. An absent set is an error, never replaced by another.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compendium.data import embedded, stored
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
    "fetch",
    "fingerprint",
    "folder",
    "is_name",
    "load",
    "photo_boxes",
    "state",
]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of a data set.

    images: uint8 (n, h, w, c), 0 to 255. labels: int64 (n,), indices into `classes`. notes: what a reader of
    results on this set must know. sha256: hexadecimal hash of the image bytes followed by one byte a label.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    notes: tuple[str, ...]
    sha256: str


def load(name: str, split: str = "train") -> ImageSet:
    """Load "train" or "test" of "mnist", "cifar10", "cifar100" (fine classes), "digits" or "photos".

    Raises UsageError for an unknown name or split, CompendiumError naming file, fault and remedy if the set
    is absent or damaged. How "photos" is cut: see `photo_boxes`.
    """
    check_name(name)
    check_split(split)
    if CATALOGUE[name].folder:
        images, labels, notes = stored.read(name, split, folder())
    else:
        images, labels, notes = embedded.read(name, split)
    digest = hashlib.sha256(images)
    digest.update(labels.tobytes())
    return ImageSet(images, labels.astype(np.int64), CATALOGUE[name].classes, name, notes, digest.hexdigest())


def is_name(name: object) -> bool:
    """Whether this names a data set."""
    return name in NAMES


def fingerprint(name: str) -> str:
    """Return a hexadecimal hash of the files a set is made from: it changes when they do.

    Raises UsageError for an unknown name, CompendiumError if the set is absent or unreadable.
    """
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
    """Return "embedded", "present" or "absent". Raises UsageError for an unknown name."""
    check_name(name)
    if not CATALOGUE[name].folder:
        return "embedded"
    try:
        stored.files(name)
    except CompendiumError:
        return "absent"
    return "present"


def _files(name: str) -> list[Path]:
    return stored.files(name) if CATALOGUE[name].folder else embedded.files(name)
