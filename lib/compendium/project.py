"""The checkout that the package runs from: where it is, and what state its code and packages are in."""

import ast
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from compendium.errors import CompendiumError, UsageError, unknown

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parents[1]
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "results"
RUNS = ROOT / "runs"
LEDGER = PACKAGE / "claims"
NOT_IMPORTED = {
    LEDGER,
    *(PACKAGE / name for name in ("cli", "labs", "phrases", "site", "standalone", "sweep")),
}
_ALONE = ("book", "comparison", "doctor", "generated", "products", "published")
NOT_IMPORTED |= {PACKAGE / f"{name}.py" for name in _ALONE}

# modules that a chapter imports but on which none of its numbers rests: they draw, write, or show progress
NOT_COMPUTING = {
    *("chapters", "data.download", "errors", "files", "outcomes", "parameters"),
    *("plots", "progress", "project", "results", "runs"),
}

METADATA = "compendium"
"""What the book notes in the metadata of notebooks and of pictures in them has this name there."""

RECORDED = ("paper", "cpu")
"""Profiles whose runs the book shows and quotes, the nearest to the paper first."""

QUOTED_PACKAGES = ("python", "keras", "tensorflow", "numpy", "scipy", "scikit-image", "scikit-learn")
"""What a page says of a run's packages."""

COMPUTING_PACKAGES = (*QUOTED_PACKAGES[1:], "numba", "pandas", "keras-tuner", "pywavelets", "pillow")
"""What decides a run's numbers, whatever Keras computes with."""

BACKEND_PACKAGES = {"tensorflow": (), "jax": ("jax", "jaxlib"), "torch": ("torch",)}
"""What a backend of Keras computes with beside `COMPUTING_PACKAGES`."""

TENSORFLOW = ("tensorflow", "tensorflow-cpu")
"""Two distributions of the same code, of which one is installed; versions go by the first name."""


def checkout() -> Path:
    """Return `ROOT`; raises CompendiumError where the package was installed without a checkout."""
    if not NOTEBOOKS.is_dir():
        raise CompendiumError(
            f"this command needs a checkout of the compendium, and {PACKAGE} is in none; "
            "in the folder of a checkout, type: python -m pip install --no-deps -r requirements.lock -e ."
        )
    return ROOT


def chapters() -> list[str]:
    """Return the names of the chapters, in the book's order; those that `_toc.yml` lacks come last."""
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    contents = ROOT / "_toc.yml"
    text = contents.read_text(encoding="utf-8") if contents.exists() else ""
    listed = re.findall(r"file: notebooks/([\w-]+)", text)
    return sorted(names, key=lambda name: listed.index(name) if name in listed else len(listed))


def recorded(chapter: str) -> Path | None:
    """Return the folder of a chapter's published run, of several the one nearest to the paper, or None."""
    folders = (RESULTS / chapter / profile for profile in RECORDED)
    return next((folder for folder in folders if (folder / "record.json").exists()), None)


def chapter_path(name: str) -> Path:
    """Return a chapter's notebook; raises UsageError for an unknown name."""
    if name not in chapters():
        raise unknown("chapter", name, chapters())
    return NOTEBOOKS / f"{name}.ipynb"


def library_hash() -> str:
    """Return the sha256 of the package's Python and data files, but for those that no chapter imports.

    The latter read what chapters computed, or start them: no chapter runs anew because a claim or a lab was
    changed.
    """
    files = (path for path in (ROOT / "lib").rglob("*") if path.suffix in {".py", ".yml", ".json"})
    return files_hash(path for path in files if not NOT_IMPORTED & {path, *path.parents})


def files_hash(paths: Iterable[Path], root: Path | None = None) -> str:
    """Return the sha256 of files' names, as seen from `root` (the checkout without one), and contents.

    They are taken in the order of their names.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root or ROOT).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def packages_hash() -> str:
    """Return the sha256 of the installed distributions' names and versions."""
    installed = sorted(f"{d.name}=={d.version}" for d in importlib.metadata.distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def computing_modules(sources: Iterable[str]) -> list[Path]:
    """Return the package's files that code imports, also indirectly, and its numbers rest on, sorted.

    Where a package only passes a name on, such as `models.cae`, only that name's module is followed. Source
    that Python cannot parse, such as a cell with a magic command, counts as importing nothing.
    """
    found: set[Path] = set()
    waiting = {name for source in sources for name in _imported(source)}
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        files, further = _behind(name)
        found |= files
        waiting |= further - seen
    return sorted(found)


def backend() -> str:
    """Return what Keras computes with: what $KERAS_BACKEND names, or else TensorFlow.

    Raises UsageError where that is no backend of the book's, or one that is not installed.
    """
    named = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if named not in BACKEND_PACKAGES:
        raise unknown("backend of Keras, as KERAS_BACKEND has it,", named, BACKEND_PACKAGES)
    if lacking := [package for package in BACKEND_PACKAGES[named] if not version(package)]:
        raise UsageError(
            f"KERAS_BACKEND is {named}, and {lacking[0]} is not installed; remove that variable of the "
            "environment, or install the package"
        )
    return named


def computing_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a run's numbers, its backend's too."""
    names = (*COMPUTING_PACKAGES, *BACKEND_PACKAGES[backend()])
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def locked_versions() -> dict[str, str]:
    """Return the installed versions of all packages of the lock file, of the computing ones without one."""
    names = sorted({*_lock()} - {*TENSORFLOW})
    return computing_versions() | {name: found for name in names if (found := version(name))}


def version(package: str) -> str:
    """Return the installed version, "" where there is none: of a package for other systems, for instance."""
    for name in TENSORFLOW if package in TENSORFLOW else (package,):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def locked(names: Iterable[str]) -> dict[str, str]:
    """Return the versions that the lock file has of packages, of those that it names."""
    return {name: pinned for name, pinned in _lock().items() if name in names}


def _lock() -> dict[str, str]:
    lock = ROOT / "requirements.lock"
    text = lock.read_text(encoding="utf-8") if lock.exists() else ""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))


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
            ["git", "-C", ROOT, *arguments], capture_output=True, encoding="utf-8", check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _imported(source: str) -> frozenset[str]:
    """Return the names below `compendium` that source imports, such as "models.cae"."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return frozenset()
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    start = "compendium."
    return frozenset(name.removeprefix(start) for name in names if name.startswith(start))


def _behind(name: str) -> tuple[frozenset[Path], frozenset[str]]:
    """Return the files that a name below `compendium` stands for, and the names that these import."""
    if any(name == other or name.startswith(f"{other}.") for other in NOT_COMPUTING):
        return frozenset(), frozenset()
    place = PACKAGE.joinpath(*name.split("."))
    if place.is_dir():
        files = [place / "__init__.py"]
    elif place.with_suffix(".py").exists():
        files = [place.with_suffix(".py")]
    else:  # something inside a module, or passed on by a package
        holder, _, own = name.rpartition(".")
        package = PACKAGE.joinpath(*holder.split("."), "__init__.py")
        passed_on = _imported(package.read_text(encoding="utf-8")) if package.exists() else frozenset()
        exact = frozenset(other for other in passed_on if other.rpartition(".")[2] == own)
        return frozenset(), exact or frozenset({holder} if holder else ())
    return frozenset(files), frozenset().union(*(_imported(f.read_text(encoding="utf-8")) for f in files))
