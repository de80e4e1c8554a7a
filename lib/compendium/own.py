"""Code of the user's own in place of a chapter's: loaded where it was named, on the command line."""

from collections.abc import Callable
from typing import Any


def describe(spec: str) -> dict[str, str]:
    """Return name, file and sha256 of what `spec` names."""
    raise NotImplementedError


def load(spec: str) -> Callable[..., Any]:
    """Return the function that `spec` names."""
    raise NotImplementedError
