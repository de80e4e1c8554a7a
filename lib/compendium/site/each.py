"""What is done for one page after the other is done on all processors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

_FEW = 8  # pages, for which starting processes would take longer than it saves


def of_each(pages: Sequence[Path], work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return what a module's function gives for each page, with further arguments, in their order."""
    return Parallel(n_jobs=1 if len(pages) <= _FEW else -1)(delayed(work)(page, *arguments) for page in pages)
