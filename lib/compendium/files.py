"""Write files so that a reader finds the old content or the new, never a part."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from compendium.errors import CompendiumError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`; the file appears whole or not at all.

    Folders on the way are made. Raises CompendiumError if the system refuses (full disk, no permission ...).
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise CompendiumError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another folder"
        ) from error


def exchange(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make `folder` hold these files, by name, and nothing else: all of them, or what was there before.

    Raises CompendiumError if the system refuses.
    """
    fresh, old = (folder.with_name(f".{folder.name}.{state}") for state in ("new", "old"))
    try:
        if old.exists() and not folder.exists():  # an exchange that was cut off between its two steps
            old.rename(folder)
        for rest in (fresh, old):
            shutil.rmtree(rest, ignore_errors=True)
        for name, content in contents.items():
            write_atomically(fresh / name, content)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise CompendiumError(
            f"{folder}: cannot be written ({error.strerror}); free space or choose another folder"
        ) from error


def own_name(path: Path, identity: object, identity_in: Callable[[Path], object]) -> Path:
    """Return `path`, or where that holds something of another identity, a name of its own beside it.

    So two versions of an experiment that are run in one folder, as a notebook that is changed by hand, do
    not meet.
    """
    if sys.platform == "win32":  # where no name has a colon; that of a data set, folder:PATH, has
        path = Path(*(part if part == path.anchor else part.replace(":", "") for part in path.parts))
    if not path.exists() or identity_in(path) == identity:
        return path
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return path.with_stem(f"{path.stem}-{digest[:8]}")


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
