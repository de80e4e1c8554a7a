"""Waiting for what a process does, however busy the machine is."""

import time

PATIENCE = 300  # seconds, after which a test fails that waits in vain


def wait_for(condition, process=None):
    """Return what `condition` gives once it is true; fails where the process that it waits for has ended."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert process is None or process.poll() is None, "the process has ended"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found
