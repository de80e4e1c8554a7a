"""One's own images: which are taken and how, what a record says of them, and which are refused in a line."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from compendium import data
from compendium.data import own
from compendium.errors import CompendiumError, UsageError

RNG = np.random.default_rng(0)


def pixels(height=32, width=32, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return RNG.integers(0, 256, shape, np.uint8)


def save(path, array=None, **options):
    """An image file, of random pixels without others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array if isinstance(array, Image.Image) else Image.fromarray(pixels() if array is None else array)
    image.save(path, **options)
    return path


def several(folder, number=10, **shape):
    for n in range(number):
        save(folder / f"{n}.png", pixels(**shape))
    return folder


def named(folder, side=None):
    return f"folder:{folder}" + (f"@{side}" if side else "")


def fault_of(folder, side=None, kind=CompendiumError, split="train"):
    with pytest.raises(kind) as caught:
        data.load(named(folder, side), split)
    message = str(caught.value)
    assert "\n" not in message
    return message


# What is taken


def test_images_are_what_the_files_hold_in_an_order_of_their_own(tmp_path):
    arrays = [pixels(20, 24) for _ in range(10)]
    for n, array in enumerate(arrays):
        save(tmp_path / f"{n}.PNG", array)
    train, test = (data.load(named(tmp_path), split) for split in data.SPLITS)
    assert train.images.shape == (8, 20, 24, 3)
    assert test.images.shape == (2, 20, 24, 3)
    loaded = [*train.images, *test.images]
    assert sorted(map(bytes, loaded)) == sorted(map(bytes, arrays))
    assert train.classes == ("images",)
    assert set(train.labels) == {0}
    assert train.name == f"folder:{tmp_path.name}"
    assert str(tmp_path) not in train.name
    assert test.notes == ("the fifth with the lowest checksums is for testing",)


def test_neither_names_nor_the_file_system_decide_what_is_where(tmp_path, monkeypatch):
    several(tmp_path / "a")
    before = {split: data.load(named(tmp_path / "a"), split) for split in data.SPLITS}
    print_before = data.fingerprint(named(tmp_path / "a"))
    for n, path in enumerate(sorted((tmp_path / "a").iterdir(), reverse=True)):
        path.rename(tmp_path / "a" / f"renamed-{n}.png")
    listed = os.walk
    monkeypatch.setattr(os, "walk", lambda root: ((f, d[::-1], n[::-1]) for f, d, n in listed(root)))
    for split in data.SPLITS:
        assert data.load(named(tmp_path / "a"), split).sha256 == before[split].sha256
    assert data.fingerprint(named(tmp_path / "a")) == print_before


def test_adding_an_image_leaves_most_where_they_were(tmp_path):
    several(tmp_path, 50)
    before = {bytes(image) for image in data.load(named(tmp_path), "test").images}
    save(tmp_path / "another.png")
    after = {bytes(image) for image in data.load(named(tmp_path), "test").images}
    assert len(before & after) >= len(before) - 1


def test_equal_images_are_in_the_same_split(tmp_path):
    several(tmp_path, 10)
    for path in [*tmp_path.iterdir()]:
        (tmp_path / f"copy-of-{path.name}").write_bytes(path.read_bytes())
    train, test = (data.load(named(tmp_path), split).images for split in data.SPLITS)
    assert not {*map(bytes, train)} & {*map(bytes, test)}
    assert len(train) + len(test) == 20


def test_folders_are_classes_and_any_prefix_has_several(tmp_path):
    for name in ("cat", "dog", "10", "9"):
        several(tmp_path / name, 20)
    train, test = (data.load(named(tmp_path), split) for split in data.SPLITS)
    assert train.classes == test.classes == ("cat", "dog", "9", "10")
    assert np.bincount([*train.labels, *test.labels]).tolist() == [20] * 4
    assert len({*train.labels[:20]}) > 1
    dog = np.asarray(Image.open(tmp_path / "dog" / "0.png"))
    (label,) = {
        label
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
        if (image == dog).all()
    }
    assert label == 1


def test_folders_train_and_test_are_the_splits_and_what_is_in_both_is_said(tmp_path):
    several(tmp_path / "train" / "a", 3)
    save(tmp_path / "test" / "b" / "new.png")
    (tmp_path / "test" / "b" / "old.png").write_bytes((tmp_path / "train" / "a" / "0.png").read_bytes())
    train, test = (data.load(named(tmp_path), split) for split in data.SPLITS)
    assert (len(train.images), len(test.images)) == (3, 2)
    assert train.classes == test.classes == ("a", "b")
    assert test.labels.tolist() == [1, 1]
    assert train.notes == ()
    assert test.notes == ("1 of 2 images also among the training images",)


def test_a_size_cuts_the_middle_and_averages_as_the_photos_are(tmp_path):
    array = np.zeros((64, 96, 3), np.uint8)
    array[:, 16:80] = RNG.integers(0, 256, (64, 64, 3))
    array[:, :16], array[:, 80:] = 255, 255
    for n in range(4):
        array[0, 0, 0] = n  # outside the middle
        save(tmp_path / f"{n}.png", array)
    save(tmp_path / "right already.png", pixels())
    train = data.load(named(tmp_path, 32), "train")
    expected = np.asarray(Image.fromarray(array[:, 16:80]).resize((32, 32), Image.Resampling.BOX))
    assert train.images.shape[1:] == (32, 32, 3)
    assert any((image == expected).all() for image in train.images)
    both = " ".join([*train.notes, *data.load(named(tmp_path, 32), "test").notes])
    assert "images cut to the square in their middle" in both
    assert "images averaged down to 32x32 pixels" in both
    assert train.name == f"folder:{tmp_path.name}@32"
    assert data.fingerprint(named(tmp_path, 32)) != data.fingerprint(named(tmp_path, 16))


def test_grey_stays_grey_unless_one_is_in_colour(tmp_path):
    several(tmp_path, 5, channels=1)
    save(tmp_path / "bits.png", Image.fromarray(pixels(channels=1)).convert("1"))
    assert data.load(named(tmp_path)).images.shape[1:] == (32, 32, 1)
    save(tmp_path / "colour.png", Image.fromarray(pixels()).convert("P"))
    loaded = [data.load(named(tmp_path), split) for split in data.SPLITS]
    assert {part.images.shape[1:] for part in loaded} == {(32, 32, 3)}
    noted = [note for part in loaded for note in part.notes if "grey, with three equal channels" in note]
    assert sum(int(note.split()[0]) for note in noted) == 6


def test_jpegs_are_turned_as_they_are_meant(tmp_path):
    array = np.zeros((16, 24, 3), np.uint8)
    array[:8] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise by a quarter
    for n in range(3):
        array[8:] = n
        save(tmp_path / f"{n}.jpg", array, exif=turned, quality=95)
    train = data.load(named(tmp_path))
    assert train.images.shape[1:] == (24, 16, 3)
    assert train.images[0, :, 9:].min() > 200
    assert "turned as their EXIF data say" in train.notes[-1]


def test_an_opaque_alpha_channel_is_dropped(tmp_path):
    array = pixels(channels=4)
    array[..., 3] = 255
    save(tmp_path / "a.png", array)
    several(tmp_path, 3)
    loaded = [*data.load(named(tmp_path)).images, *data.load(named(tmp_path), "test").images]
    assert any((image == array[..., :3]).all() for image in loaded)


@pytest.mark.parametrize(("channels", "in_folders"), [(1, False), (3, True)])
def test_npz_files_hold_many_images_and_their_labels(tmp_path, channels, in_folders):
    images = RNG.integers(0, 256, (30, 28, 28) if channels == 1 else (30, 28, 28, 3), np.uint8)
    labels = np.arange(30) % 12
    where = tmp_path / "mine" if in_folders else tmp_path
    where.mkdir(exist_ok=True)
    np.savez_compressed(where / "all.npz", images=images, labels=labels)
    train, test = (data.load(named(tmp_path), split) for split in data.SPLITS)
    assert (len(train.images), len(test.images)) == (24, 6)
    assert train.images.shape[1:] == (28, 28, channels)
    assert train.classes == (("mine",) if in_folders else tuple(map(str, range(12))))
    label_of = {bytes(image): label for image, label in zip(images, labels, strict=True)}
    for part in (train, test):
        for image, label in zip(part.images, part.labels, strict=True):
            assert label == (0 if in_folders else label_of[bytes(image)])


def test_more_than_256_classes_have_labels_of_their_own(tmp_path):
    images = RNG.integers(0, 256, (300, 4, 4), np.uint8)
    np.savez(tmp_path / "all.npz", images=images, labels=np.arange(300))
    train, test = (data.load(named(tmp_path), split) for split in data.SPLITS)
    assert sorted([*train.labels, *test.labels]) == [*range(300)]


def test_other_files_are_passed_over_and_counted(tmp_path):
    several(tmp_path, 4)
    (tmp_path / "README.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "Thumbs.db").write_text("", encoding="utf-8")
    (tmp_path / ".hidden.png").write_text("", encoding="utf-8")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "0.png").write_text("", encoding="utf-8")
    assert data.load(named(tmp_path)).notes[-1] == "passed over: 2 files that are not PNG, JPEG or NPZ"


def test_the_fingerprint_is_of_contents_classes_and_splits(tmp_path):
    several(tmp_path / "a", 3)
    several(tmp_path / "b", 3)
    prints = {data.fingerprint(named(tmp_path))}
    (tmp_path / "a" / "0.png").rename(tmp_path / "b" / "moved.png")
    prints.add(data.fingerprint(named(tmp_path)))
    save(tmp_path / "a" / "1.png")
    prints.add(data.fingerprint(named(tmp_path)))
    assert len(prints) == 3


def test_a_set_s_name_is_known_as_one():
    assert [name for name in ("photos", "folder:x", "x", 3, None) if data.is_set(name)] == [
        "photos",
        "folder:x",
    ]


def test_a_relative_path_and_one_in_the_home_are_read(tmp_path, monkeypatch):
    several(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.load("folder:mine").sha256 == data.load("folder:~/mine/").sha256
    assert data.load("folder:mine").name == data.load("folder:~/mine/").name == "folder:mine"


# What is refused


@pytest.mark.parametrize("name", ["folder:", "folder:@32", "folder:x@0"])
def test_a_name_without_a_folder_or_a_size_says_how_it_is_written(name):
    with pytest.raises(UsageError, match="write folder:PATH, or folder:PATH@32"):
        data.load(name)


def test_folders_without_images_say_so(tmp_path):
    assert f"{tmp_path / 'absent'}: no such folder" in fault_of(tmp_path / "absent")
    assert f"{tmp_path}: no PNG, JPEG or NPZ files in it" in fault_of(tmp_path)
    save(tmp_path / "only.png")
    assert "put two different ones there" in fault_of(tmp_path)


def test_a_stray_image_is_named(tmp_path):
    several(tmp_path / "a", 3)
    save(tmp_path / "stray.png")
    assert f"{tmp_path / 'stray.png'}: of no class, while others are" in fault_of(tmp_path)


def test_a_stray_image_beside_the_splits_is_named(tmp_path):
    several(tmp_path / "train", 3)
    assert f"{tmp_path}: images in the folder train and none in test" in fault_of(tmp_path)
    several(tmp_path / "test", 3)
    save(tmp_path / "stray.png")
    assert f"{tmp_path / 'stray.png'}: beside the folders train and test" in fault_of(tmp_path)


def test_mixed_sizes_name_two_and_what_to_type(tmp_path):
    several(tmp_path, 3)
    odd = save(tmp_path / "odd.png", pixels(40, 50))
    message = fault_of(tmp_path)
    assert f"{odd}: 50x40 pixels, but 0.png has 32x32 pixels; ask for one size, as in" in message
    assert message.endswith(f"{named(tmp_path, 32)}")
    assert data.load(message.split()[-1]).images.shape[1:] == (32, 32, 3)
    assert "smaller than the 64x64 asked for" in fault_of(tmp_path, 64)


def deep_png(path, bits=16):
    """A PNG with 16 bits a channel, which Pillow would quietly cut to 8."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 32, 32, bits, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(32 * 3 * bits // 8) for _ in range(32)))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def see_through(path):
    save(path, pixels(channels=4))


def see_through_palette(path):
    image = Image.fromarray(pixels()).convert("P")
    save(path, image, transparency=image.getpixel((0, 0)))


def animated(path):
    save(path, pixels(), save_all=True, append_images=[Image.fromarray(pixels())])


def for_print(path):
    save(path, Image.fromarray(pixels()).convert("CMYK"), format="JPEG")


def cut_short(path):
    whole = io.BytesIO()
    Image.fromarray(pixels()).save(whole, "PNG")
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])


def cut_short_jpeg(path):
    whole = io.BytesIO()
    Image.fromarray(pixels()).save(whole, "JPEG")
    path.write_bytes(whole.getvalue()[:-200])


def grey_16(path):
    save(path, Image.fromarray(RNG.integers(0, 2**16, (32, 32)).astype(np.uint16)))


FAULTS = {
    "16.png": (deep_png, "16 bits a channel; save it with 8"),
    "grey16.png": (grey_16, "16 bits a channel; save it with 8"),
    "glass.png": (see_through, "see-through in places; save it on a background"),
    "glass palette.png": (see_through_palette, "see-through in places; save it on a background"),
    "moving.png": (animated, "an animation; save one of its pictures"),
    "print.jpg": (for_print, "colours of the kind CMYK; save it as RGB or grey"),
    "short.png": (cut_short, "truncated or damaged ("),
    "short.jpeg": (cut_short_jpeg, "truncated or damaged ("),
    "text.png": (
        lambda path: path.write_text("text", encoding="utf-8"),
        "not a PNG or JPEG image, or damaged",
    ),
    "empty.png": (lambda path: path.touch(), "not a PNG or JPEG image, or damaged"),
    "web.png": (lambda path: save(path, pixels(), format="WEBP"), "not a PNG or JPEG image, or damaged"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_shown_as_it_is_meant_is_named_with_the_remedy(tmp_path, name):
    make, said = FAULTS[name]
    several(tmp_path / "train", 3)
    several(tmp_path / "test", 1)
    make(tmp_path / "train" / name)
    assert fault_of(tmp_path).startswith(f"{tmp_path / 'train' / name}: {said}")


def test_absurd_sizes_are_refused_before_they_take_memory(tmp_path, monkeypatch):
    several(tmp_path, 5)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow warns above it, and refuses twice as many
    assert f"{tmp_path / '0.png'}: more than 0 million pixels; save it smaller" in fault_of(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    assert f"{tmp_path / '0.png'}: more than 0 million pixels; save it smaller" in fault_of(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(own, "MOST_BYTES", 4 * 32 * 32 * 3 - 1)
    assert "its train images would take" in fault_of(tmp_path)


class Trap:
    def __reduce__(self):
        return (os.abort, ())


NPZ_FAULTS = [
    ({"pictures": np.zeros((3, 8, 8), np.uint8)}, 'no array "images" in it'),
    ({"images": np.zeros((3, 8, 8))}, "images are float64 (3, 8, 8, 1); save them as uint8"),
    ({"images": np.zeros((3, 8, 8, 4), np.uint8)}, "images are uint8 (3, 8, 8, 4)"),
    ({"images": np.zeros((0, 8, 8), np.uint8)}, "images are uint8 (0, 8, 8, 1)"),
    ({"images": np.array([Trap()])}, "no NPZ file of plain numbers"),
    (
        {"images": np.zeros((3, 8, 8), np.uint8), "labels": np.zeros(2, int)},
        "labels are int64 (2,); save one whole number for each image",
    ),
]


@pytest.mark.parametrize(("arrays", "said"), NPZ_FAULTS)
def test_npz_files_that_hold_something_else_are_named_and_never_unpickled(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    assert fault_of(tmp_path).startswith(f"{tmp_path / 'a.npz'}: {said}")


def test_npz_files_that_are_damaged_or_would_fill_the_memory_are_named(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((10, 64, 64), np.uint8))
    monkeypatch.setattr(own, "MOST_BYTES", 1000)
    assert "GB when unpacked; make several files of it" in fault_of(tmp_path)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    assert "no NPZ file of plain numbers" in fault_of(tmp_path)


# What a chapter's network takes


def test_images_of_another_shape_than_a_chapter_s_are_told_with_what_to_type(tmp_path):
    several(tmp_path / "large", 3, height=40, width=40)
    several(tmp_path / "grey", 3, height=28, width=28, channels=1)
    data.check_fits("cifar10", ["photos", "folder:PATH"])
    data.check_fits(named(tmp_path / "large", 32), ["photos", "cifar10", "folder:PATH"])
    data.check_fits(named(tmp_path / "grey"), ["photos", "digits", "folder:PATH"])
    with pytest.raises(UsageError) as caught:
        data.check_fits(named(tmp_path / "large"), ["photos", "cifar10", "folder:PATH"])
    assert str(caught.value) == (
        f"{named(tmp_path / 'large')}: images of 40x40 pixels in colour, "
        "expected 32x32 pixels in colour as in photos; "
        f"write {named(tmp_path / 'large', 32)}, or name a network of your own"
    )
    with pytest.raises(
        UsageError, match="28x28 pixels in grey, expected 32x32 pixels in colour as in photos; take other"
    ):
        data.check_fits(named(tmp_path / "grey"), ["photos", "cifar10", "folder:PATH"])
