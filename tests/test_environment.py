"""One environment: pyproject.toml, lock, conda, Makefile, workflows, what is installed; text is UTF-8."""

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]]
LINES = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


def applies(requirement, extra=""):
    """Whether this interpreter on this system, with this extra, needs the package."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


PINS = [Requirement(line) for line in LINES]
VERSIONS = {pin.name: str(pin.specifier).removeprefix("==") for pin in PINS if applies(pin)}


def unmet(needs):
    """The needs that the lock does not meet here, as lines."""
    for need in needs:
        version = VERSIONS.get(canonicalize_name(need.name))
        if version is None or not need.specifier.contains(version, prereleases=True):
            yield f"{need}: locked is {version}"


def walk(needs):
    """These needs and, from the metadata of what is installed, all that they need in turn on this system."""
    pending, seen = list(needs), set()
    while pending:
        need = pending.pop()
        yield need
        for extra in {"", *need.extras} - {extra for name, extra in seen if name == need.name}:
            seen.add((need.name, extra))
            required = map(Requirement, metadata.requires(need.name) or [])
            pending += [requirement for requirement in required if applies(requirement, extra)]


def test_every_line_of_the_lock_pins_a_version():
    pin = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==\d[\w.]*( ; [^:@]+)?")
    assert not [line for line in LINES if not pin.fullmatch(line)]


def test_the_lock_is_sorted_and_names_a_package_once():
    names = [pin.name for pin in PINS]
    assert names == sorted(set(names))


def test_the_lock_meets_pyproject():
    assert not list(unmet(DIRECT))


def test_the_lock_meets_what_the_locked_packages_need():
    assert not list(unmet(walk(DIRECT)))


def test_the_installed_packages_are_the_locked_ones():
    installed = {canonicalize_name(package.name): package.version for package in metadata.distributions()}
    assert {name: installed.get(name) for name in VERSIONS} == VERSIONS


def test_conda_takes_its_packages_from_the_lock():
    conda, pip, packages = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))[
        "dependencies"
    ]
    assert conda.startswith("python=")
    assert pip == "pip"
    assert packages == {"pip": ["-r requirements.lock", "-e ."]}


@pytest.mark.parametrize(
    "file", ["environment.yml", "Makefile", ".github/workflows/tests.yml", ".github/workflows/book.yml"]
)
def test_every_python_named_is_one_the_project_supports(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"\b3\.\d+\b", text))
    assert named
    assert not [python for python in named if python not in SpecifierSet(PROJECT["requires-python"])]


def test_the_makefile_asks_for_the_same_python_as_pyproject():
    lowest, above = re.search(
        r"\((3, \d+)\) <= sys.version_info < \((3, \d+)\)", (ROOT / "Makefile").read_text(encoding="utf-8")
    ).groups()
    assert PROJECT["requires-python"] == f">={lowest},<{above}".replace(", ", ".")


def leaves_encoding_to_the_system(call):
    """Whether a call opens, reads or writes text and does not say in which encoding."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    owner = ast.unparse(getattr(call.func, "value", ast.Constant(None)))
    if "encoding" in given:
        return False
    if name in {"read_text", "write_text"}:
        return True
    if owner == "subprocess":
        return not {"text", "universal_newlines"}.isdisjoint(given)
    if name not in {"open", "fdopen"} or owner in {"Image", "gzip", "pikepdf", "tarfile"}:
        return False
    modes = [mode for mode in call.args if isinstance(mode, ast.Constant) and mode.value in {"rb", "wb"}]
    return not modes


def test_text_is_read_and_written_as_utf_8_whatever_the_system_prefers():
    files = [
        path for folder in ("lib", "tests", "benchmarks", "book") for path in (ROOT / folder).rglob("*.py")
    ]
    calls = [
        (path, node)
        for path in files
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
    ]
    assert len(files) > 100
    assert not [
        f"{path.relative_to(ROOT)}, line {call.lineno}"
        for path, call in calls
        if leaves_encoding_to_the_system(call)
    ]
