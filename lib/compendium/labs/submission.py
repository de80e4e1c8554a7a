"""In a cage: run the cells of a submitted notebook, then serve its names.

`python -m compendium.labs.submission DESCRIPTOR NOTEBOOK SECONDS`: the end of the wire, the file, and the
time for all cells. The checker calls what is in `Submission`. Nothing here is trusted: what is run may
change it.
"""

import os
import signal
import sys
import time
from difflib import get_close_matches
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from compendium import doctor
from compendium.errors import one_line
from compendium.labs import cage, handed_in
from compendium.labs.wire import Peer

PROSE = "Markdown"

# as a KeyboardInterrupt it passes `except Exception`, and by its name it is told to the student
TimeIsOver = type("TimeoutError", (KeyboardInterrupt,), {})


class Shell(InteractiveShell):
    """IPython without a terminal and without a kernel; `%matplotlib inline` is no error."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window."""


class Submission:
    """A notebook, its names after all cells were run, and what the cells said that failed."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Run the cells; each has half of `seconds` at most, and all together `seconds`."""
        self.names: dict[str, object] = {}
        self.failures: list[tuple[int, str, str]] = []
        self.fault = ""
        self._prose: list[tuple[int, str]] = []
        self._seconds = 0.0
        self._running = False
        self._peer: Peer | None = None
        signal.signal(signal.SIGALRM, self._ring)
        try:
            found = handed_in.cells(path)
            self._prose = [(cell.task, cell.text) for cell in found if not cell.code]
        except Exception as fault:  # whatever the file holds
            self.fault = f"it is not a notebook ({one_line(fault)})"
        else:
            self._run([cell.text for cell in found if cell.code], seconds)

    def cells(self) -> list[tuple[int, str, str]]:
        """Return of each failed cell its number among those with code, its first line, and the error.

        Raises ValueError, saying why, if there was nothing to run.
        """
        if self.fault:
            raise ValueError(self.fault)
        return self.failures

    def value(self, name: str) -> object:
        """Return what the notebook has under a name; if nothing, raises NameError, which says the nearest."""
        if name in self.names:
            return self.names[name]
        others = {one.lower(): one for one in self.names if not one.startswith("_")}
        raise NameError(*(others[near] for near in get_close_matches(name.lower(), others, n=1, cutoff=0.7)))

    def elsewhere(self, task: int, known: list[str]) -> dict[str, str]:
        """Return texts that may be meant for a task: its Markdown, and variables other than the known."""
        texts = {
            f"`{name}`": value
            for name, value in self.names.items()
            if isinstance(value, str) and not name.startswith("_") and name not in known
        }
        return texts | {PROSE: "\n\n".join(text for number, text in self._prose if number == task)}

    def allow(self, seconds: float) -> None:
        """End the function that is being called when so many seconds have gone."""
        self._set(seconds)

    def serve(self, connection: Connection) -> None:
        """Answer the checker until it has ended."""
        self._peer = Peer(connection, [self.cells, self.value, self.allow, self.elsewhere])
        self._peer.serve()

    def _run(self, cells: list[str], seconds: float) -> None:
        shell = Shell.instance(
            config=Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
        )
        self.names = shell.user_ns
        end = time.monotonic() + seconds
        for number, source in enumerate(cells, start=1):
            self._running = True
            self._set(max(min(seconds / 2, end - time.monotonic()), 0.1))
            result = shell.run_cell(source)
            self._running = False
            fault = result.error_before_exec or result.error_in_exec
            if fault is not None:
                self.failures.append(
                    (number, source.strip().split("\n")[0], f"{type(fault).__name__}: {one_line(fault)}")
                )
        self._set(0)

    def _set(self, seconds: float) -> None:
        self._seconds = seconds
        signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # again, for code that goes on all the same

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._running or (self._peer is not None and self._peer.busy):
            raise TimeIsOver(f"longer than {self._seconds:.0f} seconds")


def main() -> None:
    """Run the notebook named on the command line and serve its names."""
    cage.confine()
    descriptor, path, seconds = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    doctor.report = lambda *_: None  # it trains a network, to see whether a student's computer is ready
    os.write(1, cage.READY)
    submission = Submission(Path(path), float(seconds))
    submission.serve(Connection(int(descriptor)))


if __name__ == "__main__":
    main()
