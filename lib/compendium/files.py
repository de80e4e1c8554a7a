"""Write files so that a reader finds the old content or the new, never a part."""

import os
import tempfile
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
