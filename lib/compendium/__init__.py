"""The Denoising Compendium: code shared by its chapters."""

import os

# TensorFlow reads this once, when it is first imported: errors only, no notices on the page.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _find_caches() -> None:
    """Name a folder of this process to IPython, Matplotlib and Numba where they cannot write to their own.

    The first two would complain on the page, and Numba refuse to work.
    """
    home = os.path.join(os.path.expanduser("~"), ".cache")
    beside = os.path.join(os.path.dirname(__file__), "__pycache__")
    places = {"IPYTHONDIR": [home], "MPLCONFIGDIR": [home], "NUMBA_CACHE_DIR": [home, beside]}
    lacking = {name for name, folders in places.items() if not any(map(_writable, folders))} - {*os.environ}
    if not lacking:
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="compendium-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(dict.fromkeys(lacking, folder))


def _writable(folder: str) -> bool:
    """Whether a folder can be written to, or made."""
    folder = os.path.abspath(folder)
    while not os.path.exists(folder) and (above := os.path.dirname(folder)) != folder:
        folder = above
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


_find_caches()
