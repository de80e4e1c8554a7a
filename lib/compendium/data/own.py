"""Images of one's own: a folder of PNG, JPEG and NPZ files as a data set, read where it lies.

The set is called `folder:PATH`; with `folder:PATH@SIDE` each image is cut to the largest square in its middle
and averaged down to SIDE by SIDE pixels, as the crops of "photos" are. Without that all must have one size.

In the folder lie images, or a folder of them for each class, or two folders `train` and `test` with either.
Without these two, the fifth of the images whose contents have the lowest checksums is the test split, and
equal images are in the same split. Both splits are ordered by checksum, so that the first so many are a fair
sample and neither names nor the file system matter.

An NPZ file holds `images`, uint8 (n, h, w) or (n, h, w, c), and if wanted `labels`, whole numbers (n,), which
count where the file lies in no folder of a class. If any image is in colour, grey ones become three equal
channels. Files whose names begin with a dot, or end in anything else, are passed over.
"""

import functools
import hashlib
import io
import math
import os
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from compendium.data.catalogue import SPLITS
from compendium.errors import CompendiumError, UsageError, one_line
from compendium.parameters import FOLDER

ENDINGS = (".png", ".jpg", ".jpeg", ".npz")
TEST_SHARE = 5  # one image in so many
MOST_BYTES = 2**32  # of one split in memory, or of one NPZ file

_GREY, _COLOUR, _OPAQUE_OR_NOT = {"1", "L"}, {"P", "RGB"}, {"LA", "PA", "RGBA"}
_PNG_DEPTH = 24  # position of the bit depth in a PNG file
_ORIENTATION = 0x0112  # EXIF tag


class _Kind(NamedTuple):
    """What is known of an image before its pixels are: size (height, width), and whether in colour."""

    size: tuple[int, int]
    colour: bool
    turned: bool


@dataclass(frozen=True)
class _Found:
    """An image in the folder: its split ("" where its content decides), class ("" for none) and place.

    index: in an NPZ file.
    """

    split: str
    label: str
    digest: str
    path: Path
    index: int
    kind: _Kind


@dataclass(frozen=True)
class _Folder:
    """A folder as it was found: images in their order, each with its split; `side` as asked for, or 0."""

    path: Path
    side: int
    images: tuple[_Found, ...]
    by_content: bool
    passed_over: int

    @property
    def colour(self) -> bool:
        return any(image.kind.colour for image in self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        size = (self.side, self.side) if self.side else self.images[0].kind.size
        return (*size, 3 if self.colour else 1)


def is_own(name: str) -> bool:
    """Return whether a data set's name is that of a folder."""
    return name.startswith(FOLDER)


def display_name(name: str) -> str:
    """Return the name by which records and pages call the set: without the folders above it."""
    path, side = _parts(name)
    return f"{FOLDER}{path.resolve().name}" + (f"@{side}" if side else "")


def check_shape(name: str, expected: Mapping[str, tuple[int, int, int]]) -> None:
    """Raise UsageError unless the images have one of the expected shapes, each given by a set that has it."""
    found = _folder(name).shape
    if found in expected.values():
        return
    by_shape = {shape: other for other, shape in reversed(expected.items())}
    wanted = " or ".join(f"{_words(shape)} as in {other}" for shape, other in sorted(by_shape.items()))
    sides = [shape[0] for shape in by_shape if shape[2] == found[2]]
    remedy = f"write {FOLDER}{_parts(name)[0]}@{sides[0]}" if sides else "take other images"
    raise UsageError(
        f"{name}: images of {_words(found)}, expected {wanted}; {remedy}, or name a network of your own"
    )


def fingerprint(name: str) -> str:
    """Return a hash of what decides the set: contents, classes and splits, and the size asked for."""
    folder = _folder(name)
    rows = [f"{image.split} {image.label} {image.digest} {image.index}" for image in folder.images]
    return hashlib.sha256("\n".join([str(folder.side), *rows]).encode()).hexdigest()


def read(name: str, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Read one split of `folder:PATH` or `folder:PATH@SIDE`.

    Returns images uint8 (n, h, w, c), labels (n,), classes and notes. Raises CompendiumError, naming file,
    fault and remedy, where there are no images, or one cannot be shown as it is meant.
    """
    folder = _folder(name)
    chosen = [image for image in folder.images if image.split == split]
    if (size := len(chosen) * math.prod(folder.shape)) > MOST_BYTES:
        raise CompendiumError(
            f"{folder.path}: its {split} images would take {size / 2**30:.0f} GB; "
            f"ask for a smaller size, as in {FOLDER}{folder.path}@32"
        )
    archive = functools.cache(_archive)  # an NPZ file is opened once
    images = np.empty((len(chosen), *folder.shape), np.uint8)
    for place, image in zip(images, chosen, strict=True):
        place[:] = _pixels(image, archive, folder)
    numbers = {label: number for number, label in enumerate(_classes(folder.images))}
    labels = np.array([numbers[image.label] for image in chosen], np.min_scalar_type(len(numbers) - 1))
    return images, labels, tuple(label or "images" for label in numbers), _notes(folder, split)


def _parts(name: str) -> tuple[Path, int]:
    """Split a name into the folder and the side asked for, 0 for none."""
    path, side = re.fullmatch(r"(.*?)(?:@(\d+))?", name.removeprefix(FOLDER), re.S).groups()
    if not path or side == "0":
        raise UsageError(f'"{name}": write {FOLDER}PATH, or {FOLDER}PATH@32 for images of 32x32 pixels')
    return Path(path).expanduser(), int(side or 0)


def _folder(name: str) -> _Folder:
    """Look through a folder; of the images, no more than their headers is decoded."""
    path, side = _parts(name)
    if not path.is_dir():
        raise CompendiumError(f"{path}: no such folder; name one with PNG, JPEG or NPZ files in it")
    files, passed_over = _files(path)
    found = [image for file in files for image in _images(file, path)]
    if not found:
        raise CompendiumError(f"{path}: no PNG, JPEG or NPZ files in it; put the images there")
    _check_classes(found, path)
    for image in found:
        _check_size(image, found[0], side, name)
    by_content = not found[0].split
    ordered = sorted(found, key=lambda image: (image.digest, image.path, image.index))
    images = tuple(_split_by_content(ordered) if by_content else ordered)
    for split in SPLITS:
        if not any(image.split == split for image in images):
            where, remedy = (
                (path, "put two different ones there, or more")
                if by_content
                else (path / split, "put some there")
            )
            raise CompendiumError(f"{where}: no {split} images in it; {remedy}")
    return _Folder(path, side, images, by_content, passed_over)


def _files(root: Path) -> tuple[list[Path], int]:
    """Return the files to read, in the order of their names, and how many others there are."""
    there = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        there += [Path(folder, name) for name in names if not name.startswith(".")]
    files = sorted(path for path in there if path.suffix.lower() in ENDINGS)
    return files, len(there) - len(files)


def _images(file: Path, root: Path) -> Iterator[_Found]:
    """Give the images of a file, with what its place says of split and class."""
    folders = file.relative_to(root).parts[:-1]
    split = folders[0] if folders and folders[0] in SPLITS else ""
    label = next(iter(folders[bool(split) :]), "")
    if file.suffix.lower() == ".npz":
        images, labels = _archive(file)
        kind = _Kind(images.shape[1:3], images.shape[3] == 3, turned=False)
        for index, pixels in enumerate(images):
            own = label or ("" if labels is None else str(labels[index]))
            yield _Found(split, own, hashlib.sha256(pixels).hexdigest(), file, index, kind)
    else:
        content = _content(file)
        yield _Found(split, label, hashlib.sha256(content).hexdigest(), file, 0, _kind(file, content))


def _check_classes(found: Sequence[_Found], root: Path) -> None:
    """Raise CompendiumError where some images have a split or a class and others have none."""
    for image in found:
        if bool(image.split) != bool(found[0].split):
            stray = image if not image.split else found[0]
            raise CompendiumError(f"{stray.path}: beside the folders train and test; put it into one of them")
        if bool(image.label) != bool(found[0].label):
            stray = image if not image.label else found[0]
            raise CompendiumError(
                f"{stray.path}: of no class, while others are; put it into the folder of its class"
            )
    splits = {image.split for image in found} - {""}
    if len(splits) == 1:
        (there,) = splits
        (absent,) = {*SPLITS} - splits
        raise CompendiumError(
            f"{root}: images in the folder {there} and none in {absent}; put some there, or rename {there}"
        )


def _check_size(image: _Found, first: _Found, side: int, name: str) -> None:
    if side and min(image.kind.size) < side:
        raise CompendiumError(
            f"{image.path}: {_pixels_of(image)}, smaller than the {side}x{side} asked for; "
            "take it out, or ask for a smaller size"
        )
    if not side and image.kind.size != first.kind.size:
        raise CompendiumError(
            f"{image.path}: {_pixels_of(image)}, but {first.path.name} has {_pixels_of(first)}; "
            f"ask for one size, as in {name}@{min(32, *image.kind.size, *first.kind.size)}"
        )


def _words(shape: tuple[int, int, int]) -> str:
    return f"{shape[1]}x{shape[0]} pixels in {'colour' if shape[2] == 3 else 'grey'}"


def _pixels_of(image: _Found) -> str:
    height, width = image.kind.size
    return f"{width}x{height} pixels"


def _split_by_content(ordered: Sequence[_Found]) -> list[_Found]:
    digests = sorted({image.digest for image in ordered})
    test = {*digests[: math.ceil(len(digests) / TEST_SHARE)]} if len(digests) > 1 else set()
    return [replace(image, split="test" if image.digest in test else "train") for image in ordered]


def _classes(images: Sequence[_Found]) -> tuple[str, ...]:
    """Return the names of the classes of both splits, numbers by their value."""
    labels = {image.label for image in images}
    return tuple(sorted(labels, key=lambda label: (label.isdigit(), label.isdigit() and int(label), label)))


def _notes(folder: _Folder, split: str) -> tuple[str, ...]:
    chosen = [image for image in folder.images if image.split == split]
    counted: Counter[str] = Counter()
    for image in chosen:
        height, width = image.kind.size
        counted["cut to the square in their middle"] += bool(folder.side) and height != width
        counted[f"averaged down to {folder.side}x{folder.side} pixels"] += bool(folder.side) and (
            min(height, width) > folder.side
        )
        counted["turned as their EXIF data say"] += image.kind.turned
        counted["grey, with three equal channels"] += folder.colour and not image.kind.colour
    if split == "test":
        trained_on = {image.digest for image in folder.images if image.split == "train"}
        counted["also among the training images"] += sum(image.digest in trained_on for image in chosen)
    notes = [f"{number} of {len(chosen)} images {what}" for what, number in counted.items() if number]
    if folder.by_content:
        notes.insert(0, "the fifth with the lowest checksums is for testing")
    if folder.passed_over:
        notes.append(f"passed over: {folder.passed_over} files that are not PNG, JPEG or NPZ")
    return tuple(notes)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise CompendiumError(f"{path}: {fault.strerror}; make the file readable, or take it out") from None


def _kind(path: Path, content: bytes) -> _Kind:
    """Say from its header what an image is; raises CompendiumError where it cannot be taken as it is."""
    image = _opened(path, content)
    if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
        raise CompendiumError(f"{path}: an animation; save one of its pictures instead")
    if image.format == "PNG" and content[_PNG_DEPTH] > 8:
        raise CompendiumError(f"{path}: 16 bits a channel; save it with 8")
    if image.mode not in _GREY | _COLOUR | _OPAQUE_OR_NOT:
        raise CompendiumError(f"{path}: colours of the kind {image.mode}; save it as RGB or grey")
    orientation = image.getexif().get(_ORIENTATION, 1) if "exif" in image.info else 1
    size = image.size if orientation in range(5, 9) else image.size[::-1]
    return _Kind(size, image.mode not in {*_GREY, "LA"}, turned=orientation in range(2, 9))


def _opened(path: Path, content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{Image.MAX_IMAGE_PIXELS / 1e6:.0f}"
        raise CompendiumError(f"{path}: more than {most} million pixels; save it smaller") from None
    except Exception:  # whatever Pillow meets in a file of no known kind
        raise CompendiumError(
            f"{path}: not a PNG or JPEG image, or damaged; save it anew, or take it out"
        ) from None


def _pixels(image: _Found, archive: Callable[[Path], tuple], folder: _Folder) -> np.ndarray:
    """Return an image's pixels as uint8 (h, w, c), of the folder's shape."""
    if image.path.suffix.lower() == ".npz":
        pixels = Image.fromarray(archive(image.path)[0][image.index].squeeze())
    else:
        pixels = _decoded(image.path)
    if folder.side:
        pixels = ImageOps.fit(pixels, (folder.side, folder.side), Image.Resampling.BOX)
    return np.asarray(pixels.convert("RGB" if folder.colour else "L")).reshape(folder.shape)


def _decoded(path: Path) -> Image.Image:
    """Return an image upright, as RGB or grey without loss."""
    image = _opened(path, _content(path))
    try:
        with_alpha = image.has_transparency_data
        upright = ImageOps.exif_transpose(image)
        whole = upright.convert("RGBA") if with_alpha else upright
    except Exception as fault:  # whatever Pillow meets in a damaged file
        raise CompendiumError(
            f"{path}: truncated or damaged ({one_line(fault)}); save it anew, or take it out"
        ) from None
    if with_alpha and whole.getchannel("A").getextrema()[0] < 255:
        raise CompendiumError(f"{path}: see-through in places; save it on a background, without transparency")
    return whole.convert("L" if image.mode in {*_GREY, "LA"} else "RGB")


def _archive(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return images (n, h, w, c) and labels, or None, of an NPZ file; nothing in it is unpickled."""
    content = io.BytesIO(_content(path))
    try:
        size = sum(member.file_size for member in zipfile.ZipFile(content).infolist())
        if size > MOST_BYTES:
            raise CompendiumError(f"{path}: {size / 2**30:.0f} GB when unpacked; make several files of it")
        with np.load(content, allow_pickle=False) as arrays:
            images = arrays.get("images")
            labels = arrays.get("labels")
    except CompendiumError:
        raise
    except Exception as fault:  # whatever NumPy meets in a damaged file
        raise CompendiumError(
            f"{path}: no NPZ file of plain numbers ({one_line(fault)}); save it anew with numpy.savez"
        ) from None
    if images is None:
        raise CompendiumError(f'{path}: no array "images" in it; save it with numpy.savez(path, images=...)')
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise CompendiumError(
            f"{path}: images are {images.dtype} {images.shape}; save them as uint8 (n, h, w) or (n, h, w, 3)"
        )
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise CompendiumError(
            f"{path}: labels are {labels.dtype} {labels.shape}; save one whole number for each image"
        )
    return images, labels
