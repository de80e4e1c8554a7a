"""pyproject.toml, the locks, conda, Docker, the Makefile, workflows, what is installed: one environment.

Text is UTF-8.
"""

import ast
import json
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
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["book"] + EXTRAS["test"]]
FOR_LABS = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["lab"]]
LOCKS = {
    name: (ROOT / name).read_text(encoding="utf-8").splitlines()
    for name in ("requirements.lock", "labs/requirements.lock")
}


def applies(requirement, extra=""):
    """Whether this interpreter on this system, with this extra, needs the package."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


PINS = {name: [Requirement(line) for line in lines] for name, lines in LOCKS.items()}
VERSIONS, LAB_VERSIONS = (
    {pin.name: str(pin.specifier).removeprefix("==") for pin in pins if applies(pin)}
    for pins in PINS.values()
)


def unmet(needs, versions=VERSIONS):
    """The needs that the lock does not meet here, as lines."""
    for need in needs:
        version = versions.get(canonicalize_name(need.name))
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


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_pins_a_version(lock):
    pin = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==\d[\w.]*( ; [^:@]+)?")
    assert not [line for line in LOCKS[lock] if not pin.fullmatch(line)]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_sorted_and_names_a_package_once(lock):
    names = [pin.name for pin in PINS[lock]]
    assert names == sorted(set(names))


def test_the_locks_meet_pyproject():
    assert not list(unmet(need for need in DIRECT if applies(need)))
    assert not list(unmet((need for need in FOR_LABS if applies(need)), LAB_VERSIONS))


def test_the_locks_have_the_same_versions():
    assert {name: LAB_VERSIONS[name] for name in VERSIONS.keys() & LAB_VERSIONS} == {
        name: VERSIONS[name] for name in VERSIONS.keys() & LAB_VERSIONS
    }


def test_the_lock_of_the_labs_lacks_only_what_tensorflow_never_imports():
    shared = [need for need in FOR_LABS if applies(need) and need.name in VERSIONS]
    lacking = {canonicalize_name(need.name) for need in walk(shared)} - LAB_VERSIONS.keys()
    assert lacking == {"grpcio", "libclang", "tensorboard", "tensorboard-data-server"}


@pytest.mark.parametrize(
    ("platform", "machine", "name"),
    [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("win32", "AMD64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
    ],
)
def test_everywhere_one_of_the_two_tensorflows_is_installed(platform, machine, name):
    system = {"sys_platform": platform, "platform_machine": machine, "extra": ""}
    for needs in (DIRECT, *PINS.values()):
        both = [need for need in needs if need.name.startswith("tensorflow") and need.marker]
        assert [need.name for need in both if need.marker.evaluate(system)] == [name]
        assert len({str(need.specifier) for need in both}) == 1


def test_the_lock_meets_what_the_locked_packages_need():
    assert not list(unmet(walk(need for need in DIRECT if applies(need))))


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


WORKFLOWS = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob(".github/workflows/*.yml"))]


@pytest.mark.parametrize("file", ["environment.yml", "Makefile", "Dockerfile", *WORKFLOWS])
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
    if name not in {"open", "fdopen"} or owner in {"Image", "archive", "gzip", "pikepdf", "tarfile"}:
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


def test_the_editor_s_container_is_a_stage_of_the_dockerfile():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert container["build"]["target"] in re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.M)
    assert f"USER {container['remoteUser']}" in dockerfile.splitlines()
    assert "root" not in dockerfile
