"""The command line on a leash: `python -m compendium.cli.leash FOLDER run CHAPTER ...`, for a sweep's points.

It lives as long as its standard input stays open (`processes.end_with`): no run outlives its worker.
"""

import sys
from pathlib import Path

from compendium import cli, processes, runs


def main() -> None:
    """Run the command line, unless FOLDER holds the chapter's finished run; two never run there at once."""
    processes.end_with(sys.stdin.fileno())
    folder = Path(sys.argv.pop(1))
    with runs.lock(folder):
        if not runs.finished(folder, chapter=sys.argv[2]):
            cli.main()


if __name__ == "__main__":
    main()
