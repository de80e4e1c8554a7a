"""What a student installs: a wheel of this package, and the list of packages that stands beside it."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from compendium import project
from compendium.errors import CompendiumError
from compendium.files import write_atomically

# A build hook works in the folder of the project; in a process of its own, nobody else's folder changes.
_BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"

_INSTALL = "python -m pip install --no-deps -r requirements.lock -e ."


def wheel(folder: Path) -> Path:
    """Build the wheel of the checkout in `folder`, which is made, and return its path.

    Nothing is downloaded, and the same files give the same bytes. Raises CompendiumError outside a checkout,
    where the folder cannot be written, or with the builder's last line where it fails.
    """
    root = project.checkout()
    with TemporaryDirectory() as made:
        command = [sys.executable, "-c", _BUILD, made]
        built = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", errors="replace")
        if built.returncode:
            reason = (built.stderr.strip() or "no reason given").splitlines()[-1]
            raise CompendiumError(f"the wheel cannot be built ({reason}); type: {_INSTALL}")
        name = built.stdout.split()[-1]
        write_atomically(folder / name, Path(made, name).read_bytes())
    return folder / name


def requirements(wheel: Path) -> str:
    """Return the text of a student's requirements.txt: the lock of the labs, and the wheel beside the file.

    It is installed with `--no-deps`: the lock leaves out what TensorFlow names and never imports, which
    would be a tenth of the download. Raises CompendiumError outside a checkout.
    """
    lock = (project.checkout() / "labs" / "requirements.lock").read_text(encoding="utf-8")
    return f"{lock}./{wheel.name}\n"
