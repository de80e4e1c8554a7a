"""Downloading MNIST and CIFAR, whole or not at all."""

import gzip
import os
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from compendium.data import stored
from compendium.data.catalogue import CATALOGUE, SPLITS, check_name
from compendium.errors import CompendiumError, UsageError

RETRIES = 2  # of each download from each mirror


@dataclass(frozen=True)
class Source:
    """Where a set comes from: mirrors (addresses ending in /, tried in turn) and the MD5 of each file there.

    The hash of a .tar.gz is the archive's; the hash of any other .gz is that of its decompressed content,
    because mirrors compress the same content differently.
    """

    mirrors: tuple[str, ...]
    md5: Mapping[str, str]


SOURCES: Mapping[str, Source] = {
    "mnist": Source(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        md5={
            "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "cifar10": Source(
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        md5={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
    ),
    "cifar100": Source(
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        md5={"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
    ),
}


def fetch(name: str, source: Source | None = None) -> Path:
    """Make "mnist", "cifar10" or "cifar100" present in the data folder and return the set's own folder.

    A set already there and sound is left as it is. Otherwise its files are downloaded (each mirror retried,
    then the next), checked against their MD5, read once as a whole in a temporary folder beside the
    destination, and only then moved into place, so an interruption leaves no half-written file. `source`
    stands in for the set's entry in SOURCES.

    Raises UsageError for an unknown name or an embedded set; CompendiumError for other data under the set's
    name, which stay as they are, a failed download, a checksum that does not match, an archive with unsafe or
    missing members, damaged content, or a folder that cannot be written.
    """
    check_name(name)
    entry = CATALOGUE[name]
    if not entry.folder:
        raise UsageError(f"{name} comes with the installed packages; there is nothing to fetch")
    source = source or SOURCES[name]
    root = stored.folder()
    destination = root / entry.folder
    if _is_sound(name, root):
        return destination
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".fetch-{name}-") as temporary:
            staging = Path(temporary)
            staged = staging / entry.folder
            staged.mkdir()
            for file, md5 in source.md5.items():
                if file.endswith(".tar.gz"):
                    archive = _download(name, source.mirrors, file, md5, staging)
                    wanted = {f"{entry.folder}/{member}" for split in SPLITS for member in entry.files[split]}
                    _extract(archive, wanted, staged)
                else:
                    _download(name, source.mirrors, file, md5, staged)
            for split in SPLITS:
                stored.read(name, split, staging)
            _place(staged, destination)
    except OSError as fault:
        raise CompendiumError(
            f"{root}: cannot be written ({fault.strerror}); set COMPENDIUM_DATA to a folder that can"
        ) from None
    return destination


def _is_sound(name: str, root: Path) -> bool:
    try:
        for split in SPLITS:
            stored.read(name, split, root)
    except stored.OtherDataError:
        raise  # somebody's files, which are not replaced
    except CompendiumError:
        return False
    return True


def _download(name: str, mirrors: tuple[str, ...], file: str, md5: str, into: Path) -> Path:
    """Download one file into a folder: a .tar.gz as it is, any other .gz decompressed, without its suffix."""
    import pooch  # here, not above: in a notebook it warns that there are no progress widgets
    from requests import exceptions

    target, downloader = (
        (file, _to_file) if file.endswith(".tar.gz") else (file.removesuffix(".gz"), _to_decompressed)
    )
    pooch.get_logger().setLevel("WARNING")  # the bar, or our one line, says all there is to say
    faults = []
    for mirror in mirrors:
        remote = pooch.create(
            path=into,
            base_url=mirror,
            registry={target: f"md5:{md5}"},
            urls={target: mirror + file},
            retry_if_failed=RETRIES,
        )
        try:
            return Path(remote.fetch(target, downloader=downloader))
        except (exceptions.RequestException, ValueError) as fault:
            faults.append(f"{mirror}{file}: {_reason(fault)}")
    raise CompendiumError(f"{'; '.join(faults)}; try again later: compendium data fetch {name}")


def _to_file(url: str, output: str, caller: object) -> None:
    import pooch

    pooch.HTTPDownloader(progressbar=sys.stderr.isatty())(url, output, caller)


def _to_decompressed(url: str, output: str, caller: object) -> None:
    """Download and decompress, so that pooch compares (and on a mismatch retries) the content."""
    compressed = Path(f"{output}.gz")
    _to_file(url, str(compressed), caller)
    try:
        with gzip.open(compressed) as content, Path(output).open("wb") as file:
            shutil.copyfileobj(content, file)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise ValueError("not a whole gzip stream") from None
    finally:
        compressed.unlink()


def _reason(fault: Exception) -> str:
    from requests import exceptions  # only a download needs it

    match fault:
        case exceptions.HTTPError():
            return f"{fault.response.status_code} {fault.response.reason}"
        case exceptions.Timeout():
            return "no answer in time"
        case exceptions.ChunkedEncodingError():
            return "the download was interrupted"
        case exceptions.ConnectionError():
            return "no connection"
        case exceptions.RequestException():
            return "the download failed"
        case _:
            return "checksum mismatch"


def _extract(archive: Path, wanted: set[str], into: Path) -> None:
    """Write the wanted members, and nothing else, by their base names into a folder.

    Any member that is not a file or folder below the archive's root condemns the archive: no honest one has
    such a member. (Stricter than tarfile's own filters, which strip or follow some of these.)
    """
    missing = set(wanted)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise _refusal(archive, f"member {member.name} leaves the folder")
                if not (member.isreg() or member.isdir()):
                    raise _refusal(archive, f"member {member.name} is a link or a device")
                if member.isreg() and member.name in missing:
                    missing.remove(member.name)
                    with tar.extractfile(member) as content, (into / path.name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error):
        raise _refusal(archive, "not a whole .tar.gz") from None
    if missing:
        raise _refusal(archive, f"member {min(missing)} is missing")


def _refusal(archive: Path, fault: str) -> CompendiumError:
    # Its checksum was right, so fetching it again would not help.
    return CompendiumError(f"{archive.name}: {fault}; nothing was unpacked, tell the archive's publisher")


def _place(staged: Path, destination: Path) -> None:
    destination.mkdir(exist_ok=True)
    for file in staged.iterdir():
        file.chmod(0o644)  # temporary files begin as private; public data need not stay so
        os.replace(file, destination / file.name)
    (destination / stored.LOSSY).unlink(missing_ok=True)  # it described the files now replaced
