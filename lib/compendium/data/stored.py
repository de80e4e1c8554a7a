"""MNIST and CIFAR as files on disk: where they are, and reading them."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import platformdirs

from compendium.data.catalogue import CATALOGUE, SPLITS, Entry
from compendium.data.formats import FormatError, check_labels, read_cifar, read_idx
from compendium.errors import CompendiumError

# Beside a copy of CIFAR-10 that is not bit-exact: {"train": [...], "test": [...]}, indices of such images.
LOSSY = "lossy_indices.json"


IDENTIFYING = 1000
"""How many images of a split tell a set from others, together with all labels."""


class OtherDataError(CompendiumError):
    """Files that are sound and hold other images than those of the set whose names they have."""


def folder() -> Path:
    """Return the folder that holds the sets' own folders: $COMPENDIUM_DATA, else the user's cache folder."""
    return Path(os.environ.get("COMPENDIUM_DATA") or platformdirs.user_cache_path("compendium")).expanduser()


def locate(name: str, split: str, root: Path) -> list[Path]:
    """Return the files of a split in the order to read them, each plain or, failing that, as .gz.

    They may lie in folders of the set's own folder, and have dots in their names where the publisher has
    hyphens, as some unpackers write them.

    Raises CompendiumError, saying what to type, if one is absent.
    """
    entry = CATALOGUE[name]
    paths = []
    for file in entry.files[split]:
        plain = root / entry.folder / file
        path = next((path for path in (plain, plain.with_name(f"{file}.gz")) if os.path.isfile(path)), None)
        path = path or _called_alike(plain)
        if path is None:
            there = _instead(entry, root)
            raise CompendiumError(
                f"{name}: {plain} is absent; {there}type: compendium data fetch {name}"
                f" (or set COMPENDIUM_DATA to the folder that holds {entry.folder}/)"
            )
        paths.append(path)
    return paths


def _called_alike(wanted: Path) -> Path | None:
    """Return the first file in or below the same folder whose name differs in dots, capitals or .gz alone."""
    key = _key(wanted.name)
    below = (path for path in sorted(wanted.parent.rglob("*")) if _key(path.name) in (key, f"{key}-gz"))
    return next(filter(os.path.isfile, below), None)


def _key(name: str) -> str:
    return name.lower().replace(".", "-")


def _instead(entry: Entry, root: Path) -> str:
    """Return what lies there of another edition or still in an archive, as the middle of a message."""
    edition = "-".join(entry.folder.split("-")[:2])  # cifar-10-batches-bin, cifar-10-python.tar.gz
    for path in sorted([*root.glob(f"{edition}-*"), *(root / entry.folder).glob(f"{edition}-*")]):
        if "-py" in path.name:
            return f"{path} is the edition for Python, which is not read, as that could run code in it; "
        if path.name.startswith(f"{edition}-binary.tar"):
            return f"{path} is there: unpack it beside itself with tar -xf; else "
    return ""


def files(name: str) -> list[Path]:
    """Return every file that a set's content or notes depend on. Raises CompendiumError if one is absent."""
    root = folder()
    lossy = root / CATALOGUE[name].folder / LOSSY
    return [path for split in SPLITS for path in locate(name, split, root)] + [lossy] * lossy.is_file()


def read(name: str, split: str, root: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read one split of "mnist", "cifar10" or "cifar100" below `root`.

    Returns images uint8 (n, h, w, c), labels uint8 (n,) and notes. Raises CompendiumError naming the file,
    the fault and the remedy if a file is absent, unreadable or not what it should be; OtherDataError if it is
    of another set.
    """
    entry = CATALOGUE[name]
    paths = locate(name, split, root)
    try:
        images, labels = (_read_mnist if name == "mnist" else _read_cifar)(entry, split, paths)
        _check_identity(name, split, images, labels, paths[0].parent)
        return images, labels, _notes(root / entry.folder / LOSSY, split, len(images))
    except FormatError as fault:
        raise CompendiumError(f"{fault}; to replace it, type: compendium data fetch {name}") from None
    except OSError as fault:
        raise CompendiumError(
            f"{fault.filename or root / entry.folder}: {fault.strerror}; make the file readable"
        ) from None


def _read_mnist(entry: Entry, split: str, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    count = entry.counts[split]
    images, labels = read_idx(paths[0], (count, *entry.shape[:2])), read_idx(paths[1], (count,))
    check_labels(paths[1], labels, *entry.label_limits)
    return images[..., np.newaxis], labels


def _read_cifar(entry: Entry, split: str, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    batches = [read_cifar(path, entry.counts[split] // len(paths), entry.label_limits) for path in paths]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return images, labels[:, -1]


def _check_identity(name: str, split: str, images: np.ndarray, labels: np.ndarray, place: Path) -> None:
    """Raise OtherDataError unless these are the set's own images.

    The first images and all labels are compared: a copy some of whose later images come from JPEG passes.
    """
    digest = hashlib.sha256(images[:IDENTIFYING])
    digest.update(labels.tobytes())
    if digest.hexdigest() != CATALOGUE[name].identities.get(split, digest.hexdigest()):
        kind = {"train": "training", "test": "test"}[split]
        raise OtherDataError(
            f"{place}: the {kind} images or labels are not those of {name}; use other images under a name of "
            f"their own, as folder:PATH, or move them away and type: compendium data fetch {name}"
        )


def _notes(lossy: Path, split: str, count: int) -> tuple[str, ...]:
    if not lossy.is_file():
        return ()
    try:
        inexact = len(json.loads(lossy.read_bytes())[split])
    except (ValueError, KeyError, TypeError):
        raise FormatError(f'{lossy}: not a JSON object with a list of indices under "{split}"') from None
    kind = {"train": "training", "test": "test"}[split]
    return (f"{inexact} of {count:,} {kind} images come from a JPEG copy",) if inexact else ()
