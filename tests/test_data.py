"""Data sets: what is loaded, which faults are told how, and that a failed fetch leaves nothing behind."""

import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from data_server import archive, compressed, contents, idx, md5, serving, write
from PIL import Image
from typer.testing import CliRunner

from compendium import data
from compendium.cli import data as cli
from compendium.data import download, embedded, stored
from compendium.data.catalogue import CATALOGUE, PHOTOGRAPHS
from compendium.data.formats import FormatError, read_cifar, read_idx
from compendium.errors import CompendiumError, UsageError

STORED = ("mnist", "cifar10", "cifar100")
TRAIN_IMAGES, TRAIN_LABELS = CATALOGUE["mnist"].files["train"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data folder; sets of 50 + 10 images keep the tests quick, and retries wait for nothing."""
    for name in STORED:
        small = replace(CATALOGUE[name], counts={"train": 50, "test": 10}, identities={})
        monkeypatch.setitem(CATALOGUE, name, small)
    monkeypatch.setattr(download, "RETRIES", 0)
    folder = tmp_path / "data"
    monkeypatch.setenv("COMPENDIUM_DATA", str(folder))
    return folder


def fault_of(function, *arguments, kind=CompendiumError):
    with pytest.raises(kind) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Names


@pytest.mark.parametrize(
    ("name", "nearest"), [("cifar-10", "cifar10"), ("minst", "mnist"), ("fotos", "photos")]
)
def test_unknown_name_suggests_the_nearest(name, nearest):
    for function in (data.load, data.fetch, data.fingerprint, data.state):
        assert f'did you mean "{nearest}"' in fault_of(function, name, kind=UsageError)


@pytest.mark.parametrize("function", [lambda split: data.load("digits", split), data.photo_boxes])
def test_unknown_split_suggests_the_nearest(function):
    assert 'did you mean "train"' in fault_of(function, "training", kind=UsageError)


def test_folder_is_the_variable_or_the_users_cache(monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", "~/sets")
    assert data.folder() == data.folder().home() / "sets"
    monkeypatch.delenv("COMPENDIUM_DATA")
    assert "compendium" in data.folder().parts


# Embedded sets


@pytest.mark.parametrize(("name", "shape"), [("digits", (28, 28, 1)), ("photos", (32, 32, 3))])
@pytest.mark.parametrize(("split", "per_class"), [("train", 400), ("test", 100)])
def test_embedded_sets_load_without_network(name, shape, split, per_class, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an embedded set asked for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    loaded = data.load(name, split)
    assert loaded.images.shape == (10 * per_class, *shape)
    assert loaded.images.dtype == np.uint8
    assert np.bincount(loaded.labels).tolist() == [per_class] * 10
    assert np.array_equal(np.unique(loaded.labels[:10]), np.arange(10))  # any prefix is balanced
    assert loaded.sha256 == data.load(name, split).sha256
    assert loaded.images.flags.writeable


def test_digits_are_mlxtends_each_once():
    rows = np.loadtxt(embedded.files("digits")[0], delimiter=",", dtype=np.uint8)
    both = [data.load("digits", split) for split in data.SPLITS]
    ours = np.concatenate([np.column_stack([part.images.reshape(-1, 784), part.labels]) for part in both])
    assert sorted(map(bytes, ours.astype(np.uint8))) == sorted(map(bytes, rows))


def test_digits_look_like_their_labels():
    """A classifier fitted on the training split names most test digits: labels and pixels belong together."""
    train, test = data.load("digits", "train"), data.load("digits", "test")
    means = np.stack([train.images[train.labels == digit].mean(axis=0).ravel() for digit in range(10)])
    distances = ((test.images.reshape(len(test.images), 1, -1) - means) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == test.labels).mean() > 0.75


def test_photo_splits_share_no_pixel():
    boxes = {split: data.photo_boxes(split) for split in data.SPLITS}
    for label, path in enumerate(embedded.files("photos")):
        width, height = Image.open(path).size
        covered = {}
        for split in data.SPLITS:
            covered[split] = np.zeros((height, width), bool)
            for left, top, right, bottom in boxes[split][label::10]:
                assert 0 <= left < right <= width
                assert 0 <= top < bottom <= height
                covered[split][top:bottom, left:right] = True
        assert not (covered["train"] & covered["test"]).any()
        assert covered["train"].mean() > covered["test"].mean() > 0.05


@pytest.mark.parametrize("split", data.SPLITS)
def test_photos_are_the_averages_of_their_boxes(split):
    loaded, boxes = data.load("photos", split), data.photo_boxes(split)
    sides = boxes[:, 2] - boxes[:, 0]
    assert np.array_equal(sides, boxes[:, 3] - boxes[:, 1])
    assert np.unique(sides, return_counts=True)[1].tolist() == [len(boxes) // 4] * 4
    photographs = [np.asarray(Image.open(path).convert("RGB"), float) for path in embedded.files("photos")]
    for i in np.flatnonzero(sides % 32 == 0)[:200]:
        left, top, right, bottom = boxes[i]
        factor = sides[i] // 32
        blocks = photographs[loaded.labels[i]][top:bottom, left:right].reshape(32, factor, 32, factor, 3)
        assert np.abs(blocks.mean(axis=(1, 3)) - loaded.images[i]).max() <= 1  # rounded once an axis


@pytest.mark.parametrize("split", data.SPLITS)
def test_photos_neither_repeat_nor_are_near_constant(split):
    loaded = data.load("photos", split)
    keys = np.column_stack([loaded.labels, data.photo_boxes(split)])
    assert len(np.unique(keys, axis=0)) == len(keys)
    assert loaded.images.mean(axis=3).std(axis=(1, 2)).min() >= 4
    assert loaded.classes == tuple(PHOTOGRAPHS)


def test_missing_shipped_file_is_named(monkeypatch):
    monkeypatch.setitem(PHOTOGRAPHS, "rocket", ("skimage", "data/no_such_rocket.jpg"))
    message = fault_of(data.load, "photos")
    assert "no_such_rocket.jpg" in message
    assert "requirements.lock" in message


def test_importing_data_imports_no_framework():
    frameworks = {"tensorflow", "keras", "torch", "jax"}
    code = f"import sys, compendium.data; print(*{frameworks} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout.strip() == ""


# Stored sets


@pytest.mark.parametrize("name", STORED)
def test_stored_set_round_trips(name, root):
    files = contents(name)
    write(root, name, files)
    for split, count in (("train", 50), ("test", 10)):
        loaded = data.load(name, split)
        assert loaded.images.shape == (count, *CATALOGUE[name].shape)
        assert loaded.notes == ()
        assert loaded.images.flags.writeable
        first = np.frombuffer(files[CATALOGUE[name].files[split][0]], np.uint8)
        if name == "mnist":
            assert np.array_equal(loaded.images.ravel(), first[16:])
        else:
            columns = {"cifar10": 1, "cifar100": 2}[name]
            assert loaded.labels[0] == first[columns - 1]  # CIFAR-100: the fine label, the second byte
            assert (
                loaded.images[0, 3, 5, 2] == first[columns + 2 * 1024 + 3 * 32 + 5]
            )  # row 3, column 5, blue


def test_mnist_plain_and_compressed_are_the_same_set(root):
    files = contents("mnist")
    write(root, "mnist", files)
    plain = data.load("mnist")
    for file in files:
        (root / "mnist" / file).unlink()
    write(root, "mnist", compressed(files)[0])
    assert data.load("mnist").sha256 == plain.sha256


@pytest.mark.parametrize("name", STORED)
def test_content_decides_whether_it_is_compressed(name, root):
    files = contents(name)
    write(root, name, files)
    sound = data.load(name)
    for misnamed in (
        {file: gzip.compress(content) for file, content in files.items()},
        {f"{file}.gz": content for file, content in files.items()},
    ):
        for path in (root / CATALOGUE[name].folder).iterdir():
            path.unlink()
        write(root, name, misnamed)
        assert data.load(name).sha256 == sound.sha256
        assert data.state(name) == "present"


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize(
    "place",
    [
        lambda file: file.replace("-idx", ".idx"),
        lambda file: f"{file.replace('-idx', '.idx')}.gz",
        lambda file: f"raw/{file}",
        lambda file: f"{file}/{file}",
        str.upper,
    ],
    ids=["dots", "dots, compressed", "a folder below", "folders of the same names", "capitals"],
)
def test_files_are_found_under_the_names_that_unpackers_give_them(name, place, root):
    files = contents(name)
    write(root, name, files)
    sound = data.load(name)
    folder = root / CATALOGUE[name].folder
    for file, content in files.items():
        (folder / file).unlink()
        path = folder / place(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert data.load(name).sha256 == sound.sha256
    assert data.fingerprint(name)


@pytest.mark.parametrize(
    ("name", "there", "told"),
    [
        ("cifar10", "cifar-10-batches-py", "is the edition for Python, which is not read"),
        ("cifar10", "cifar-10-python.tar.gz", "is the edition for Python, which is not read"),
        ("cifar100", "cifar-100-python", "is the edition for Python, which is not read"),
        ("cifar10", "cifar-10-binary.tar.gz", "unpack it beside itself with tar -xf"),
        ("cifar100", "cifar-100-binary.tar", "unpack it beside itself with tar -xf"),
    ],
)
def test_what_lies_there_instead_is_named(name, there, told, root):
    (root / there).mkdir(parents=True)
    message = fault_of(data.load, name)
    assert f"{root / there} " in message
    assert told in message
    assert f"type: compendium data fetch {name}" in message


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("part", ["image", "label"])
def test_other_data_under_the_name_of_a_set_are_refused_and_left_alone(name, part, root, monkeypatch):
    folder = write(root, name, contents(name))
    identities = {}
    for split in data.SPLITS:
        loaded = data.load(name, split)
        content = loaded.images.tobytes() + loaded.labels.astype(np.uint8).tobytes()
        identities[split] = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], identities=identities))
    assert data.state(name) == "present"

    first, last = CATALOGUE[name].files["test"][0], CATALOGUE[name].files["test"][-1]
    path = folder / (first if part == "image" else last)
    other = bytearray(path.read_bytes())
    labels_at = len(other) - 1 if name == "mnist" else len(CATALOGUE[name].label_limits) - 1
    other[-1 if part == "image" else labels_at] ^= 1
    path.write_bytes(other)
    before = {each: each.read_bytes() for each in folder.iterdir()}
    assert data.load(name).notes == ()
    for function in (lambda: data.load(name, "test"), lambda: data.fetch(name)):
        message = fault_of(function, kind=stored.OtherDataError)
        assert message.startswith(f"{folder}: the test images or labels are not those of {name}; ")
        assert "folder:PATH" in message
    assert data.state(name) == "other data"
    assert {each: each.read_bytes() for each in folder.iterdir()} == before


@pytest.mark.parametrize("name", STORED)
def test_a_damaged_set_is_listed_as_damaged(name, root):
    path = write(root, name, contents(name)) / CATALOGUE[name].files["test"][-1]
    path.write_bytes(path.read_bytes()[:-1])
    assert data.state(name) == "damaged"


@pytest.mark.parametrize("name", STORED)
def test_absent_set_says_what_to_type(name, root):
    for function in (data.load, data.fingerprint):
        message = fault_of(function, name)
        assert f"compendium data fetch {name}" in message
        assert "COMPENDIUM_DATA" in message
    assert not root.exists()


@pytest.mark.parametrize(
    ("file", "damage", "fault"),
    [
        (
            TRAIN_IMAGES,
            lambda content: content[:1000],
            "truncated, 984 bytes of data but 39,200 by its header",
        ),
        (TRAIN_IMAGES, lambda content: content[:10], "truncated, 10 bytes"),
        (TRAIN_IMAGES, lambda content: b"", "truncated, 0 bytes"),
        (TRAIN_IMAGES, lambda content: content + b"x", "too long"),
        (
            TRAIN_IMAGES,
            lambda content: b"\x89PNG" + content[4:],
            "wrong magic number 0x89504e47, expected 0x00000803",
        ),
        (TRAIN_IMAGES, lambda content: idx(np.zeros((50, 28))), "wrong magic number 0x00000802"),
        (
            TRAIN_IMAGES,
            lambda content: idx(np.zeros((49, 28, 28))),
            "holds an array of 49x28x28, expected 50x28x28",
        ),
        (TRAIN_LABELS, lambda content: content[:-1], "truncated"),
        (TRAIN_LABELS, lambda content: content[:-1] + b"\x0a", "label 10 of image 49 is out of range 0..9"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx_is_told(file, damage, fault, suffix, root):
    files = contents("mnist")
    files[file] = damage(files[file])
    write(root, "mnist", compressed(files)[0] if suffix else files)
    message = fault_of(data.load, "mnist")
    assert message.startswith(f"{root / 'mnist' / file}{suffix}: {fault}")
    assert message.endswith("compendium data fetch mnist")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda stream: stream[: len(stream) // 2], "truncated, its gzip stream ends early"),
        (lambda stream: b"<html>" + stream, "wrong magic number 0x3c68746d, expected 0x00000803"),
        (lambda stream: stream[:20] + bytes(50) + stream[70:], "damaged, not a valid gzip stream"),
    ],
)
def test_damaged_gzip_is_told(damage, fault, root):
    served, _ = compressed(contents("mnist"))
    served[f"{TRAIN_IMAGES}.gz"] = damage(served[f"{TRAIN_IMAGES}.gz"])
    write(root, "mnist", served)
    assert fault_of(data.load, "mnist").startswith(
        f"{root / 'mnist' / TRAIN_IMAGES}.gz: {fault}; to replace it"
    )


@pytest.mark.parametrize(
    ("name", "file", "damage", "fault"),
    [
        (
            "cifar10",
            "data_batch_3.bin",
            lambda content: content[:-3073],
            "truncated, 27,657 bytes of data but 30,730",
        ),
        ("cifar10", "data_batch_3.bin", lambda content: content + content, "too long"),
        (
            "cifar10",
            "data_batch_3.bin",
            lambda content: b"\x0a" + content[1:],
            "label 10 of image 0 is out of range 0..9",
        ),
        (
            "cifar100",
            "train.bin",
            lambda content: b"\x14" + content[1:],
            "label 20 of image 0 is out of range 0..19",
        ),
        (
            "cifar100",
            "train.bin",
            lambda content: b"\0\x64" + content[2:],
            "label 100 of image 0 is out of range 0..99",
        ),
    ],
)
def test_damaged_cifar_is_told(name, file, damage, fault, root):
    files = contents(name)
    files[file] = damage(files[file])
    folder = write(root, name, files)
    message = fault_of(data.load, name)
    assert message.startswith(f"{folder / file}: {fault}")
    assert message.endswith(f"compendium data fetch {name}")


@pytest.mark.needs("linux")
def test_unreadable_file_is_told(root):
    path = write(root, "mnist", contents("mnist")) / TRAIN_IMAGES
    path.unlink()
    path.symlink_to("/proc/self/mem")  # which not even root can read
    message = fault_of(data.load, "mnist")
    assert message.startswith(f"{path.parent}: Input/output error")


def test_inexact_images_are_noted(root):
    folder = write(root, "cifar10", contents("cifar10"))
    lossy = folder / "lossy_indices.json"
    lossy.write_text(json.dumps({"train": [3, 8, 21], "test": []}), encoding="utf-8")
    assert data.load("cifar10").notes == ("3 of 50 training images come from a JPEG copy",)
    assert data.load("cifar10", "test").notes == ()
    lossy.write_text("[1, 2]", encoding="utf-8")
    assert "lossy_indices.json" in fault_of(data.load, "cifar10")


@pytest.mark.parametrize("name", STORED)
def test_fingerprint_follows_every_file(name, root):
    folder = write(root, name, contents(name))
    seen = {data.fingerprint(name)}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        seen.add(data.fingerprint(name))
    assert len(seen) == 1 + len(list(folder.iterdir()))
    assert data.fingerprint(name) in seen


def test_fingerprint_follows_the_note_on_inexact_images(root):
    folder = write(root, "cifar10", contents("cifar10"))
    before = data.fingerprint("cifar10")
    (folder / "lossy_indices.json").write_text('{"train": [1], "test": []}', encoding="utf-8")
    assert data.fingerprint("cifar10") != before


def test_readers_refuse_on_their_own(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(FormatError, match="truncated"):
        read_cifar(path, 1, (10,))
    with pytest.raises(FormatError, match="magic"):
        read_idx(path, (84,))


# Fetching


@pytest.fixture
def mnist_server(root):
    served, hashes = compressed(contents("mnist"))
    pages = {f"/{mirror}/{file}": body for mirror in "ab" for file, body in served.items()}
    with serving(pages) as server:
        server.source = data.Source((f"{server.url}/a/", f"{server.url}/b/"), hashes)
        yield server


def cifar_server(members):
    body = archive(members)
    return serving({"/cifar-10-binary.tar.gz": body}), {"cifar-10-binary.tar.gz": md5(body)}


def cifar_members():
    folder = CATALOGUE["cifar10"].folder
    return [(f"{folder}/{file}", content) for file, content in contents("cifar10").items()]


def test_fetch_mnist(root, mnist_server, capfd):
    assert data.state("mnist") == "absent"
    assert data.fetch("mnist", mnist_server.source) == root / "mnist"
    assert data.state("mnist") == "present"
    assert {path.name: path.read_bytes() for path in (root / "mnist").iterdir()} == contents("mnist")
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in (root / "mnist").iterdir())
    assert os.listdir(root) == ["mnist"]
    assert capfd.readouterr().err == ""  # quiet in a log
    count = len(mnist_server.requests)
    data.fetch("mnist", mnist_server.source)
    assert len(mnist_server.requests) == count == 4  # a sound set is not downloaded again


def test_fetch_shows_a_bar_in_a_terminal(root, mnist_server, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    data.fetch("mnist", mnist_server.source)
    assert "100%" in capsys.readouterr().err


def test_fetch_cifar_takes_only_what_is_wanted(root):
    extra = [("cifar-10-batches-bin/readme.html", b"hello"), ("elsewhere/data_batch_1.bin", b"no")]
    server, hashes = cifar_server(extra + cifar_members())
    write(
        root,
        "cifar10",
        {"data_batch_1.bin": b"damaged", "lossy_indices.json": b'{"train": [1], "test": [2]}'},
    )
    with server as running:
        folder = data.fetch("cifar10", data.Source((f"{running.url}/",), hashes))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents("cifar10")
    assert os.listdir(root) == ["cifar-10-batches-bin"]
    assert data.load("cifar10").notes == ()


def test_fetch_falls_back_to_the_second_mirror_file_by_file(root, mnist_server):
    mnist_server.faults[f"/a/{TRAIN_IMAGES}.gz"] = ("missing", 1)
    mnist_server.content[f"/a/{TRAIN_LABELS}.gz"] = gzip.compress(b"another file")
    data.fetch("mnist", mnist_server.source)
    assert data.load("mnist").images.shape == (50, 28, 28, 1)
    assert [path for path in mnist_server.requests if path.startswith("/b/")] == [
        f"/b/{TRAIN_IMAGES}.gz",
        f"/b/{TRAIN_LABELS}.gz",
    ]


def test_fetch_retries(root, mnist_server, monkeypatch):
    monkeypatch.setattr(download, "RETRIES", 1)
    mnist_server.faults[f"/a/{TRAIN_LABELS}.gz"] = ("cut", 1)
    data.fetch("mnist", mnist_server.source)
    assert mnist_server.requests.count(f"/a/{TRAIN_LABELS}.gz") == 2
    assert not [path for path in mnist_server.requests if path.startswith("/b/")]


@pytest.mark.parametrize(
    ("fault", "told"),
    [("missing", "404 Not Found"), ("cut", "the download was interrupted"), ("other", "checksum mismatch")],
)
@pytest.mark.parametrize("before", ["absent", "damaged"])
def test_failed_download_leaves_everything_as_it_was(fault, told, before, root, mnist_server):
    if before == "damaged":
        write(root, "mnist", {TRAIN_IMAGES: b"damaged"})
    for mirror in "ab":
        path = f"/{mirror}/{TRAIN_LABELS}.gz"
        if fault == "other":
            mnist_server.content[path] = gzip.compress(b"another file")
        else:
            mnist_server.faults[path] = (fault, 9)
    message = fault_of(data.fetch, "mnist", mnist_server.source)
    assert message.count(told) == 2  # both mirrors
    assert f"{mnist_server.url}/b/{TRAIN_LABELS}.gz" in message
    assert message.endswith("compendium data fetch mnist")
    assert tree(root) == ([] if before == "absent" else ["mnist", f"mnist/{TRAIN_IMAGES}"])


def test_no_connection_is_told(root):
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        source = data.Source(
            (f"http://127.0.0.1:{unused.getsockname()[1]}/",), {"train-images-idx3-ubyte.gz": "0"}
        )
        assert "no connection" in fault_of(data.fetch, "mnist", source)
    assert tree(root) == []


@pytest.mark.needs("posix")
@pytest.mark.parametrize("kill", ["SIGINT", "SIGKILL"])
def test_interrupted_fetch_leaves_no_file_of_the_set(kill, root, mnist_server):
    mnist_server.faults[f"/a/{TRAIN_LABELS}.gz"] = ("stall", 1)
    code = (
        "import sys, json; from compendium import data;"
        "mirrors, md5 = json.loads(sys.argv[1]); data.fetch('mnist', data.Source(tuple(mirrors), md5))"
    )
    source = json.dumps([mnist_server.source.mirrors, mnist_server.source.md5])
    process = subprocess.Popen([sys.executable, "-c", code, source], stderr=subprocess.DEVNULL)
    assert mnist_server.stalled.wait(300)
    process.send_signal(signal.Signals[kill])
    assert process.wait(300) != 0
    assert not (root / "mnist").exists()
    if kill == "SIGINT":
        assert tree(root) == []
    mnist_server.faults.clear()
    data.fetch("mnist", mnist_server.source)  # whatever is left does not stand in the way
    assert data.state("mnist") == "present"


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        (("../escaped.bin", b"x"), "leaves the folder"),
        (("cifar-10-batches-bin/../../escaped.bin", b"x"), "leaves the folder"),
        (("/escaped.bin", b"x"), "leaves the folder"),
        (("cifar-10-batches-bin/data_batch_1.bin", "/etc/hostname", tarfile.SYMTYPE), "is a link"),
        (("cifar-10-batches-bin/test_batch.bin", "../../escaped.bin", tarfile.LNKTYPE), "is a link"),
        (("cifar-10-batches-bin", "..", tarfile.SYMTYPE), "is a link"),
    ],
)
def test_archive_that_leaves_the_folder_is_refused(member, fault, root, tmp_path):
    server, hashes = cifar_server([member, *cifar_members()])
    with server as running:
        message = fault_of(data.fetch, "cifar10", data.Source((f"{running.url}/",), hashes))
    assert message.startswith(f"cifar-10-binary.tar.gz: member {member[0]} {fault}")
    assert tree(tmp_path) == ["data"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda body: body[: len(body) // 2], "not a whole .tar.gz"),
        (lambda body: b"not an archive", "not a whole .tar.gz"),
        (
            lambda body: archive(cifar_members()[1:]),
            "member cifar-10-batches-bin/data_batch_1.bin is missing",
        ),
    ],
)
def test_unsound_archive_with_the_right_checksum_is_refused(damage, fault, root):
    body = damage(archive(cifar_members()))
    with serving({"/cifar-10-binary.tar.gz": body}) as server:
        source = data.Source((f"{server.url}/",), {"cifar-10-binary.tar.gz": md5(body)})
        assert fault in fault_of(data.fetch, "cifar10", source)
    assert tree(root) == []


def test_unsound_member_is_not_placed(root):
    (name, content), *others = cifar_members()
    server, hashes = cifar_server([(name, content[:-1]), *others])
    with server as running:
        assert "truncated" in fault_of(data.fetch, "cifar10", data.Source((f"{running.url}/",), hashes))
    assert tree(root) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_unwritable_folder_is_told(below, tmp_path, monkeypatch, mnist_server):
    """A file where a folder should be: cannot be written to, by root either."""
    occupied = tmp_path / "occupied"
    occupied.write_text("a file", encoding="utf-8")
    monkeypatch.setenv("COMPENDIUM_DATA", str(occupied / below))
    message = fault_of(data.fetch, "mnist", mnist_server.source)
    assert message.startswith(f"{occupied / below}: cannot be written")
    assert "set COMPENDIUM_DATA" in message
    assert occupied.read_text(encoding="utf-8") == "a file"


def test_unwritable_set_folder_is_told(root, mnist_server):
    root.mkdir()
    (root / "mnist").write_text("a file", encoding="utf-8")
    assert "cannot be written" in fault_of(data.fetch, "mnist", mnist_server.source)
    assert tree(root) == ["mnist"]


@pytest.mark.parametrize("name", ["digits", "photos"])
def test_embedded_sets_need_no_fetch(name):
    assert "nothing to fetch" in fault_of(data.fetch, name, kind=UsageError)


def test_every_stored_set_has_a_source():
    assert set(download.SOURCES) == set(STORED)
    for source in download.SOURCES.values():
        assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in source.mirrors)
        assert all(len(bytes.fromhex(md5)) == 16 for md5 in source.md5.values())
    files = {f"{file}.gz" for split in data.SPLITS for file in CATALOGUE["mnist"].files[split]}
    assert set(download.SOURCES["mnist"].md5) == files


# Command line


def test_list_shows_each_set_its_state_and_what_to_type(root, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    write(root, "cifar10", contents("cifar10"))
    rows = CliRunner().invoke(cli.app, ["list"], catch_exceptions=False).output.splitlines()
    of = {name: next(row for row in rows if f" {name} " in row) for name in data.NAMES}
    assert "embedded" in of["digits"]
    assert "4,000 + 1,000" in of["photos"]
    assert "present" in of["cifar10"]
    assert str(root / "cifar-10-batches-bin") in of["cifar10"]
    assert "absent" in of["mnist"]
    assert "compendium data fetch mnist" in of["mnist"]


def test_fetch_command_names_where_each_set_is(root):
    write(root, "cifar10", contents("cifar10"))
    write(root, "mnist", contents("mnist"))
    output = CliRunner().invoke(cli.app, ["fetch", "mnist", "cifar10"], catch_exceptions=False).output
    assert output.splitlines() == [f"mnist: {root / 'mnist'}", f"cifar10: {root / 'cifar-10-batches-bin'}"]


def test_fetch_command_lets_errors_through(root):
    with pytest.raises(UsageError):
        CliRunner().invoke(cli.app, ["fetch", "digits"], catch_exceptions=False)


# The papers' own sets


@pytest.mark.parametrize("real", [pytest.param(name, marks=pytest.mark.real_data(name)) for name in STORED])
def test_real_set_is_whole_and_balanced(real):
    for split, count in CATALOGUE[real].counts.items():
        loaded = data.load(real, split)
        assert len(loaded.images) == len(loaded.labels) == count
        assert set(loaded.labels) == set(range(len(loaded.classes)))
        if real != "mnist":
            assert len(set(np.bincount(loaded.labels))) == 1


@pytest.mark.real_data("mnist")
def test_real_mnist_matches_the_known_hashes_and_holds_the_digits():
    for split in data.SPLITS:
        for file in CATALOGUE["mnist"].files[split]:
            path = data.folder() / "mnist" / f"{file}.gz"
            if not path.exists():
                pytest.skip("MNIST is kept decompressed here")
            assert md5(gzip.decompress(path.read_bytes())) == download.SOURCES["mnist"].md5[f"{file}.gz"]
    known = set(map(bytes, data.load("mnist").images.reshape(-1, 784)))
    assert all(bytes(image) in known for image in data.load("digits", "test").images.reshape(-1, 784))


@pytest.mark.real_data("cifar100")
def test_real_cifar100_classes_each_have_one_superclass():
    """The fine label is the second byte: were the two exchanged, a label would have five partners."""
    _, labels = read_cifar(data.folder() / CATALOGUE["cifar100"].folder / "test.bin", 10_000, (20, 100))
    assert len(np.unique(labels, axis=0)) == 100
