"""pyproject.toml, the lock, conda, the Makefile, the workflows and what is installed: one environment."""

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
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]]
LINES = (ROOT / "requirements.lock").read_text().splitlines()


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
    conda, pip, packages = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert conda.startswith("python=")
    assert pip == "pip"
    assert packages == {"pip": ["-r requirements.lock", "-e ."]}


@pytest.mark.parametrize(
    "file", ["environment.yml", "Makefile", ".github/workflows/tests.yml", ".github/workflows/book.yml"]
)
def test_every_python_named_is_one_the_project_supports(file):
    text = (ROOT / file).read_text()
    named = set(re.findall(r"\b3\.\d+\b", text))
    assert named
    assert not [python for python in named if python not in SpecifierSet(PROJECT["requires-python"])]


def test_the_makefile_asks_for_the_same_python_as_pyproject():
    lowest, above = re.search(
        r"\((3, \d+)\) <= sys.version_info < \((3, \d+)\)", (ROOT / "Makefile").read_text()
    ).groups()
    assert PROJECT["requires-python"] == f">={lowest},<{above}".replace(", ", ".")
