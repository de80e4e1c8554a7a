"""Functions of your own in place of a chapter's: find one by its name, describe, load and check it.

A function is named `MODULE:FUNCTION` or `path/to/file.py:FUNCTION`. Loading it runs its file with all the
rights of the user. So the name comes from a command line or from code in a notebook, never from a file of
parameters or from a record. A saved network is named by its path; loading it runs no code of its file.
"""

import ast
import hashlib
import importlib
import importlib.util
import symtable
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import PathFinder
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from compendium.errors import CompendiumError, UsageError, one_line, unknown

Network = Callable[[tuple[int, int, int]], Any]
"""`build(image_shape) -> model`: a fresh, untrained Keras model.

`image_shape` is (height, width, channels) of an image. The model maps float32 images `(n, *image_shape)` in
[0, 1] to as many of the same shape in [0, 1], so its last layer has a sigmoid. A layer called `latent` holds
the code; without it, what a chapter says of codes is left out. The function is called once for each training,
after the seed is set, and does not compile the model.
"""

Loss = Callable[[Any, Any], Any]
"""`loss(y_true, y_pred) -> numbers`: a Keras loss, of clean and of reconstructed images `(n, h, w, c)`.

It gives one number, or one for each image, which the training makes smaller. It is written with `keras.ops`,
through which gradients flow, not with NumPy.
"""

Denoiser = Callable[[np.ndarray], np.ndarray]
"""`denoise(noisy) -> images`: float images `(n, h, w, c)` in [0, 1]; the result has their shape, in [0, 1].

It sees the noisy images alone and trains nothing on the clean ones. The array is a copy, which it may change.
"""

Training = Callable[[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray], int], Denoiser]
"""`train(noisy, clean, validation, seed) -> denoise`: float32 images `(n, h, w, c)`, clean ones in [0, 1].

`validation` is noisy and clean images to make choices with. The seed is of all that is random.
"""

DOORS = ("network", "loss", "denoiser", "method")
"""What can be your own in a chapter: a `Network`, a `Loss`, a `Denoiser`, or a method: a `Denoiser`,
a `Training` or a saved network."""

NETWORKS = (".keras", ".onnx")
"""Endings of saved networks."""


def describe(name: str) -> dict[str, str]:
    """Return what a record says of a function: its short `name`, its `file`, and that file's `sha256`.

    Nothing is run. `file` is absolute: `load` finds the function from any folder by f"{file}:{function}". Of
    a saved network, `name` is the file's.

    Raises UsageError for a name of another form, an absent module or file, or one without such a function;
    CompendiumError where the file cannot be read or is not Python.
    """
    path, function = _located(name)
    if is_network(name):
        return {"name": path.name, "file": str(path), "sha256": hashlib.sha256(_content(path)).hexdigest()}
    content = _content(path)
    try:
        table = symtable.symtable(content.decode(), str(path), "exec")
    except (SyntaxError, ValueError) as fault:
        raise _fault(fault, path) from None
    names = [s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()]
    if function not in names:
        raise unknown(f"function in {path}", function, [one for one in names if not one.startswith("_")])
    module = path.parent.name if path.stem == "__init__" else path.stem
    return {
        "name": f"{module}:{function}",
        "file": str(path),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def spec(described: Mapping[str, str]) -> str:
    """Return the name by which what `describe` described is found from any folder."""
    _, is_function, function = described["name"].rpartition(":")
    return described["file"] + (f":{function}" if is_function else "")


def is_network(name: str) -> bool:
    """Return whether a name is that of a saved network."""
    return name.endswith(NETWORKS)


def trains(name: str) -> bool:
    """Return whether a method is a function with the four arguments of a `Training`. Nothing is run.

    Raises UsageError where it takes neither these nor the one of a `Denoiser`, and as `describe` does.
    """
    if is_network(name):
        return False
    path, function = _located(name)
    describe(name)
    taken = _arguments(ast.parse(path.read_bytes()), function)
    if taken is None:  # an imported one, or an object
        return False
    names = [one.arg for one in (*taken.posonlyargs, *taken.args)]
    most = 4 if taken.vararg else len(names)
    least = len(names) - len(taken.defaults)
    needs_names = None in taken.kw_defaults
    fits = {1: least <= 1 <= most, 4: least <= 4 <= most}
    if needs_names or not any(fits.values()):
        raise UsageError(
            f"{name}: takes ({ast.unparse(taken)}); "
            "a method takes (noisy), or (noisy, clean, validation, seed) where it trains"
        )
    return fits[4] and not (fits[1] and names[1:2] != ["clean"])


def _arguments(module: ast.Module, function: str) -> ast.arguments | None:
    """Return the arguments of a function that a module defines under a name, None where it does not."""
    found = None
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name, args=arguments) if name == function:
                found = arguments
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda(args=arguments)) if (
                name == function
            ):
                found = arguments
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)) if name == function:
                found = _arguments(module, other) if other != function else None
    return found


def load(name: str) -> Callable[..., Any]:
    """Return the function of that name; its file is run.

    Raises as `describe` does; CompendiumError, with file and line, where the file fails; UsageError where the
    name is not that of a function.
    """
    path, function = _located(name)
    describe(name)
    with _told(path):
        module = _module(path)
    found = getattr(module, function, None)
    if not callable(found):
        raise UsageError(f"{path}: {function} is not a function but {type(found).__name__}; name a function")
    return found


def door(kind: str, name: str) -> Callable[..., Any]:
    """Return the function of that name for one of DOORS; what it returns is checked each time.

    The function raises CompendiumError where it fails, with file and line, where a network's output has
    another shape than its input, and where a denoiser does not return images in [0, 1] of the shape that it
    was given. A method is not loaded here but named: `leaderboard.apart` loads it in a process of its own.

    Raises UsageError for another kind, and as `load` does.
    """
    if kind not in DOORS:
        raise unknown("door", kind, DOORS)
    if kind == "method":
        return name
    checks = {"network": _check_network, "loss": lambda *_: None, "denoiser": _check_denoised}
    return _checked(name, load(name), checks[kind])


def denoiser(name: str, function: object) -> Denoiser:
    """Return a denoiser whose faults and results are checked as a door's are.

    name: under which it is told of. function: the denoiser: loaded, or what a `Training` returned.
    """
    if not callable(function):
        raise CompendiumError(f"{name}: gives {_kind(function)}, not a function that restores noisy images")
    return _checked(name, function, _check_denoised)


def training(name: str) -> Training:
    """Return the training of that name, whose faults are told in one line; raises as `load` does."""
    return _checked(name, load(name), lambda *_: None)


def _checked(
    name: str, function: Callable[..., Any], check: Callable[[str, Any, object], None]
) -> Callable[..., Any]:
    """Return the function with its faults told in one line, and what it gives checked."""
    path, _ = _located(name)

    @wraps(function)
    def checked(given: Any, *others: Any) -> Any:
        with _told(path):
            result = function(given.copy() if isinstance(given, np.ndarray) else given, *others)
        check(name, given, result)
        return result

    return checked


def _check_network(name: str, image_shape: tuple[int, int, int], model: object) -> None:
    try:
        shapes = [tuple(tensor.shape[1:]) for tensor in (*model.inputs, *model.outputs)]
    except (AttributeError, TypeError):
        raise CompendiumError(
            f"{name}: gives {_kind(model)}, not a Keras model with known inputs; "
            "begin it with keras.Input(image_shape)"
        ) from None
    if shapes != [tuple(image_shape)] * 2:
        found = " to ".join(str(shape) for shape in shapes)
        raise CompendiumError(f"{name}: a network from {found}; expected {tuple(image_shape)} to the same")


def _check_denoised(name: str, noisy: np.ndarray, images: object) -> None:
    is_array = isinstance(images, np.ndarray) and not isinstance(images, np.ma.MaskedArray)
    if not is_array or images.shape != noisy.shape:
        found = f"shape {images.shape}" if is_array else _kind(images)
        raise CompendiumError(f"{name}: gives {found}; expected an array of shape {noisy.shape}, as given")
    if images.dtype.kind != "f":
        raise CompendiumError(
            f"{name}: gives {images.dtype}; expected floats from 0 to 1: divide bytes by 255"
        )
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 1.0)
    if low != low:
        raise CompendiumError(f"{name}: gives NaN in {100 * np.isnan(images).mean():.1f} % of its values")
    if not (low >= 0 and high <= 1):
        raise CompendiumError(
            f"{name}: gives values from {low:g} to {high:g}; expected 0 to 1, for example with .clip(0, 1)"
        )


def _kind(value: object) -> str:
    return "nothing" if value is None else f"an object of the type {type(value).__name__}"


def _located(name: str) -> tuple[Path, str]:
    """Return the absolute path of the file, and the name of the function in it."""
    if is_network(name):
        return _file(name), ""
    place, _, function = name.rpartition(":")
    parts = place.split(".")
    is_file = place.endswith(".py")
    if not function.isidentifier() or not (is_file or all(map(str.isidentifier, parts))):
        raise UsageError(f'"{name}": write MODULE:FUNCTION or FILE.py:FUNCTION, for example my_net.py:build')
    if is_file:
        return _file(place), function
    folders: list[str] | None = ["", *sys.path]  # the present folder first, as where Python is started in it
    for n in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:n]), folders) if folders else None
        folders = list(spec.submodule_search_locations or ()) if spec else None
    if not (spec and spec.origin and spec.origin.endswith(".py")):
        raise UsageError(
            f'no module "{place}" of Python code here or among the installed; '
            f"name its file as in my_net.py:{function}"
        )
    return Path(spec.origin).resolve(), function


def _file(place: str) -> Path:
    path = Path(place).expanduser()
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise UsageError(f"{path}: {what}; type its path as seen from here")
    return path.resolve()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise CompendiumError(f"{path}: {fault.strerror}; make the file readable") from None


def _module(path: Path) -> ModuleType:
    """Run a file as a module: in its package if it is of one, else by itself, whatever else has its name."""
    packages = [*takewhile(lambda folder: (folder / "__init__.py").exists(), path.parents)]
    if packages:
        stem = [] if path.stem == "__init__" else [path.stem]
        sys.path.insert(0, str(packages[-1].parent))
        try:
            return importlib.import_module(".".join([*(one.name for one in reversed(packages)), *stem]))
        finally:
            sys.path.pop(0)
    if path.parent == Path(sys.path[0]).resolve() and path.stem not in sys.modules:
        return importlib.import_module(path.stem)  # as processes that it starts will import it
    own_name = f"{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(own_name, path)
    module = sys.modules[own_name] = importlib.util.module_from_spec(spec)  # where dataclasses look
    spec.loader.exec_module(module)
    return module


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the user's code raises into one line with its place."""
    try:
        yield
    except CompendiumError:
        raise
    except (Exception, SystemExit) as fault:
        raise _fault(fault, path) from fault


def _fault(fault: BaseException, path: Path) -> CompendiumError:
    lines = [
        frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == str(path)
    ]
    if isinstance(fault, SyntaxError) and fault.filename == str(path):
        lines, said = [fault.lineno], fault.msg
    else:
        said = one_line(fault)
    where = f"{path}, line {lines[-1]}" if lines else path
    what = f"{type(fault).__name__}: {said}" if said else type(fault).__name__
    return CompendiumError(f"{where}: {what}; correct it and run again")
