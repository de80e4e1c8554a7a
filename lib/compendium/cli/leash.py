"""The command line on a leash: `python -m compendium.cli.leash FOLDER run CHAPTER ...`, for a sweep's points.

It lives as long as its standard input stays open. Whoever starts it holds the other end of that pipe; when
they close it, or end in any way, this process and all that it started are killed: no run outlives its worker.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import psutil

from compendium import cli, runs


def main() -> None:
    """Run the command line, unless FOLDER holds the chapter's finished run; two never run there at once."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    folder = Path(sys.argv.pop(1))
    with runs.lock(folder):
        if not runs.finished(folder, chapter=sys.argv[2]):
            cli.main()


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    this = psutil.Process()
    while children := this.children(recursive=True):
        for process in children:
            process.kill()
        psutil.wait_procs(children, timeout=5)
    os.kill(this.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


if __name__ == "__main__":
    main()
