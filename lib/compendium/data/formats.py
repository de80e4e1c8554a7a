"""The two binary formats: IDX (MNIST) and the binary edition of CIFAR-10 and CIFAR-100.

Both are plain arrays of bytes; reading them executes nothing.
"""

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

GZIP = b"\x1f\x8b"  # with which every gzip stream begins; none of the formats does
UINT8 = 0x08  # IDX type code, the third byte of the magic number


class FormatError(ValueError):
    """A file that is not what its name says; the message begins with the file and names the fault."""


def read_idx(path: Path, shape: Sequence[int]) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzip-compressed, whatever its name ends in.

    Returns uint8 of the given shape, which the file's own header must state. Raises FormatError for a damaged
    or truncated gzip stream, a wrong magic number, and a size or shape that does not match; OSError if
    unreadable.

    Format: http://yann.lecun.com/exdb/mnist/ (four bytes 0, 0, type, dimensions; big-endian sizes; the data).
    """
    content = _content(path)
    start = 4 + 4 * len(shape)
    if len(content) < start:
        raise FormatError(f"{path}: truncated, {len(content)} bytes where the header alone takes {start}")
    magic, expected_magic = int.from_bytes(content[:4], "big"), UINT8 << 8 | len(shape)
    if magic != expected_magic:
        raise FormatError(f"{path}: wrong magic number 0x{magic:08x}, expected 0x{expected_magic:08x}")
    stated = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    _check_size(path, len(content) - start, math.prod(stated), "its header")
    if stated != tuple(shape):
        raise FormatError(f"{path}: holds an array of {_times(stated)}, expected {_times(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # a copy can be written to


def read_cifar(path: Path, count: int, label_limits: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of CIFAR's binary edition: a record is its label bytes and 3 colour planes of 32x32 bytes.

    `label_limits` has the number of classes of each label byte (CIFAR-10: one byte; CIFAR-100: superclass,
    class). Returns images uint8 (count, 32, 32, 3) and labels uint8 (count, label bytes). Raises
    FormatError for a size that is not `count` records and for a label out of range; OSError if unreadable.

    Format: https://www.cs.toronto.edu/~kriz/cifar.html ("binary version").
    """
    record = len(label_limits) + 3 * 32 * 32
    content = np.frombuffer(_content(path), np.uint8)
    _check_size(path, content.size, count * record, f"{count:,} records of {record:,} bytes")
    labels, planes = np.split(content.reshape(count, record), [len(label_limits)], axis=1)
    for column, limit in zip(labels.T, label_limits, strict=True):
        check_labels(path, column, limit)
    return np.ascontiguousarray(planes.reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)), labels


def check_labels(path: Path, labels: np.ndarray, limit: int) -> None:
    """Raise FormatError unless every label of `labels`, uint8 (n,), is below `limit`."""
    wrong = np.flatnonzero(labels >= limit)
    if wrong.size:
        first = wrong[0]
        raise FormatError(f"{path}: label {labels[first]} of image {first} is out of range 0..{limit - 1}")


def _content(path: Path) -> bytes:
    """Return what is in a file, decompressed where its first bytes say that it is a gzip stream."""
    content = path.read_bytes()
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except EOFError:
        raise FormatError(f"{path}: truncated, its gzip stream ends early") from None
    except (gzip.BadGzipFile, zlib.error):
        raise FormatError(f"{path}: damaged, not a valid gzip stream") from None


def _check_size(path: Path, size: int, expected: int, according_to: str) -> None:
    if size != expected:
        fault = "truncated" if size < expected else "too long"
        raise FormatError(f"{path}: {fault}, {size:,} bytes of data but {expected:,} by {according_to}")


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
