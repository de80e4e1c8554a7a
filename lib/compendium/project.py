"""The checkout that the package runs from: where it is, and what state its code and packages are in."""

import hashlib
import importlib.metadata
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from compendium.errors import CompendiumError, unknown

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parents[1]
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "results"
RUNS = ROOT / "runs"
LEDGER = PACKAGE / "claims"
NOT_IMPORTED = {LEDGER, *(PACKAGE / name for name in ("cli", "labs", "site", "sweep"))}
NOT_IMPORTED |= {PACKAGE / f"{name}.py" for name in ("book", "generated", "products")}

QUOTED_PACKAGES = ("keras", "tensorflow", "numpy", "scipy", "scikit-image", "scikit-learn")


def checkout() -> Path:
    """Return `ROOT`; raises CompendiumError where the package was installed without a checkout."""
    if not NOTEBOOKS.is_dir():
        raise CompendiumError(
            f"this command needs a checkout of the compendium, and {PACKAGE} is in none; "
            "in the folder of a checkout, type: python -m pip install -e ."
        )
    return ROOT


def chapters() -> list[str]:
    """Return the names of the chapters, in the book's order; those that `_toc.yml` lacks come last."""
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    contents = ROOT / "_toc.yml"
    listed = re.findall(r"file: notebooks/([\w-]+)", contents.read_text()) if contents.exists() else []
    return sorted(names, key=lambda name: listed.index(name) if name in listed else len(listed))


def chapter_path(name: str) -> Path:
    """Return a chapter's notebook; raises UsageError for an unknown name."""
    if name not in chapters():
        raise unknown("chapter", name, chapters())
    return NOTEBOOKS / f"{name}.ipynb"


def library_hash() -> str:
    """Return the sha256 of the package's Python and data files, but for those that no chapter imports.

    These read what chapters computed, or start them: none runs anew because a claim or a lab was changed.
    """
    files = (path for path in (ROOT / "lib").rglob("*") if path.suffix in {".py", ".yml", ".json"})
    return files_hash(path for path in files if not NOT_IMPORTED & {path, *path.parents})


def files_hash(paths: Iterable[Path]) -> str:
    """Return the sha256 of the given files' names and contents, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def packages_hash() -> str:
    """Return the sha256 of the installed distributions' names and versions."""
    installed = sorted(f"{d.name}=={d.version}" for d in importlib.metadata.distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def quoted_versions() -> dict[str, str]:
    """Return the versions of the packages that decide a run's numbers."""
    return {name: importlib.metadata.version(name) for name in QUOTED_PACKAGES}


def commit() -> str | None:
    """Return the checkout's commit, with "+changes" where tracked files differ, or None outside git."""
    described = _git("rev-parse", "--short=12", "HEAD")
    if described is None:
        return None
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "lib", "notebooks")
    return described + ("+changes" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
