"""Processes and all that they start: their end, and the time that they took."""

import os
import signal
import sys
import threading

import psutil


def end(pid: int) -> None:
    """Kill a process, if it is there, and all that it started and that has not left it."""
    try:
        this = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    end_children(pid)
    try:
        this.kill()
        this.wait()
    except psutil.NoSuchProcess:
        pass


def end_children(pid: int) -> None:
    """Kill all that a process started, also what these start meanwhile."""
    this = psutil.Process(pid)
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
    end_children(os.getpid())
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def seconds() -> float:
    """Return the processor time, in seconds, of this process and of those that it started and that ended."""
    return sum(os.times()[:4])
