"""Processes and all that they start: their end, and the time that they took."""

import os
import signal
import sys
import threading
from contextlib import suppress

import psutil


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started, itself first; empty if it is gone."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def end(pid: int) -> list[psutil.Process]:
    """Kill another process and all that it started; return them. Its end is awaited by whoever started it."""
    members = tree(pid)
    for member in members:  # the first is the one whose end ends the others
        with suppress(psutil.Error):
            member.kill()
    return members


def end_children() -> None:
    """Kill all that this process started, also what these start meanwhile."""
    this = psutil.Process()
    while children := this.children(recursive=True):
        for process in children:
            process.kill()
        psutil.wait_procs(children, timeout=5)


def end_with(pipe: int) -> None:
    """Let this process and all that it started be killed as soon as a pipe closes.

    pipe: a file descriptor to read from. Whoever started this process holds the other end: when they close
    it, or end in any way, nothing of this process outlives them.
    """
    threading.Thread(target=_wait_and_end, args=[pipe], daemon=True).start()


def _wait_and_end(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    end_children()
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def seconds() -> float:
    """Return the processor time, in seconds, of this process and of those that it started and that ended."""
    return sum(os.times()[:4])
