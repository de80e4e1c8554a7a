"""Say why a run ended before its time: what went wrong, where, and what to do."""

import errno
import os
import re
import signal

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from papermill import PapermillExecutionError

from compendium.errors import MOST_SAID, CompendiumError, UsageError, one_line

FULL = {os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}

OF_FAILURE = "papermill-error-cell-tag"
"""The tag of cells in which papermill says what failed."""

_PAPERMILL_TAGS = {"injected-parameters", OF_FAILURE}

_GO_ON = "the same command, with --resume if it has --out, goes on from the last checkpoint"
_SMALLER = "take fewer images or smaller batches"
_NO_MEMORY = ("MemoryError", "bad_alloc", "ResourceExhaustedError")  # as Python, C++ and TensorFlow call it
_LINES_AROUND = 2
_FOR_USERS = {CompendiumError.__name__, UsageError.__name__}


def described(
    fault: BaseException, notebook: NotebookNode | None, exit_status: int | None, last_words: str
) -> str:
    """Return a line on an exception that ended a run; after that, for a failed cell, the lines of its source.

    An error of the library's own says by itself what is wrong and where; its cell is not shown.

    Args:
        fault: of papermill, nbclient or the system, or KeyboardInterrupt.
        notebook: as far as it was executed, if that could be kept.
        exit_status: of the notebook's process, negative for a signal, None where it is not known.
        last_words: the last line that it wrote on stderr before it ended by itself, "" for none.
    """
    match fault:
        case PapermillExecutionError() if fault.ename in _FOR_USERS:
            return fault.evalue.strip()
        case PapermillExecutionError() if notebook:
            return f"{_failure(fault, notebook)}\n{_source(fault)}"
        case PapermillExecutionError():
            return _reason(fault)
        case DeadKernelError():
            return f"the notebook's process {_end(exit_status, last_words)}"
        case RuntimeError():
            return f"the notebook's process did not start ({fault})"
        case KeyboardInterrupt():
            return f"interrupted; {_GO_ON}"
        case _:
            return _of_system(str(fault))


def of_output(fault: CellExecutionError | NotebookNode) -> str:
    """Return on one line what a cell failed with, by its error or by the output that it left."""
    return one_line(fault.evalue if fault.ename in _FOR_USERS else f"{fault.ename}: {fault.evalue}")


def of_papermill(cell: NotebookNode) -> bool:
    """Return whether papermill added a cell to a notebook."""
    return bool(_PAPERMILL_TAGS & {*cell.metadata.get("tags", [])})


def numbers(notebook: NotebookNode) -> dict[int, int]:
    """Return the numbers by which users are told of a notebook's cells of code, by their index in it.

    They are counted from 1 and as in the chapter: those that papermill adds have none.
    """
    own = (
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and not of_papermill(cell)
    )
    return {index: number for number, index in enumerate(own, 1)}


def _failure(fault: PapermillExecutionError, notebook: NotebookNode) -> str:
    numbered = numbers(notebook).items()
    number = next(number for index, number in numbered if notebook.cells[index].source == fault.source)
    return f"code cell {number} {_reason(fault)}"


def _reason(fault: PapermillExecutionError) -> str:
    message = (fault.evalue.strip().splitlines() or ["no message"])[0]
    if any(name in fault.ename for name in _NO_MEMORY):
        return f"ran out of memory ({message}); {_SMALLER}"
    if any(text in fault.evalue for text in FULL):
        return f"found the disk full ({message}); free space, then {_GO_ON}"
    return f"failed with {fault.ename}: {message}"


def _source(fault: PapermillExecutionError) -> str:
    """Return the lines of the cell around the one that failed, numbered, and that one marked."""
    lines = fault.source.splitlines()
    traced = re.search(
        r"Cell In\[\d+\], line (\d+)", re.sub(r"\x1b\[[\d;]*m", "", "\n".join(fault.traceback))
    )
    failed = int(traced[1]) if traced else 1
    return "\n".join(
        f"{'>' if number == failed else ' '} {number:3} | {line}"
        for number, line in enumerate(lines, 1)
        if abs(number - failed) <= _LINES_AROUND
    )


def _end(exit_status: int | None, last_words: str) -> str:
    said = f" ({last_words[:MOST_SAID]})" if last_words else ""
    if any(name in last_words for name in _NO_MEMORY):
        return f"ran out of memory{said}; {_SMALLER}"
    if exit_status is None:
        return f"died{said}"
    if exit_status >= 0:
        return f"ended by itself, with status {exit_status}{said}"
    if exit_status == -signal.SIGKILL:
        return f"was killed, most likely by the system for lack of memory; {_SMALLER}"
    return f"died of {signal.Signals(-exit_status).name}{said}"


def _of_system(message: str) -> str:
    if any(text in message for text in FULL):
        return f"the disk is full ({message}); free space, then {_GO_ON}"
    return message
