"""The points of a sweep on Dask: on this machine's processors, or on a cluster that runs already."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.utils import silence_logging_cmgr

from compendium import project
from compendium.errors import CompendiumError, UsageError
from compendium.sweep import point as task
from compendium.sweep.folder import Sweep
from compendium.sweep.grid import Point, text
from compendium.sweep.point import Outcome

PATIENCE = 5
"""Seconds that a scheduler has to answer, then its first worker to come, and a lost one to come back."""
SECONDS_BETWEEN_LOOKS = 0.5


class Stopped(CompendiumError):
    """What is missing of a sweep cannot be run now; what is done stays."""


@contextmanager
def local(workers: int) -> Iterator[Client]:
    """Start a cluster of so many processes here, which no one else can speak to; it ends with the block."""
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            security=True,  # a certificate of its own: other users of this machine reach its ports, too
            dashboard_address="127.0.0.1:0",  # its page, at any free port
            preload=[task.__name__],  # for its `dask_setup`
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def running(address: str, *, wait: bool = False) -> Iterator[Client]:
    """Connect to a scheduler that has workers, or, with `wait`, as soon as it has one.

    Raises UsageError for no address, CompendiumError where no scheduler answers or, without `wait`, it has no
    worker.
    """
    try:
        client = Client(address, timeout=PATIENCE)
    except ValueError as fault:
        raise UsageError(f"--scheduler {address}: {fault}; expected one such as tcp://HOST:8786") from None
    except OSError as fault:
        raise CompendiumError(
            f"{address}: no Dask scheduler answers ({fault}); start one with `dask scheduler`"
        ) from None
    with silence_logging_cmgr(logging.CRITICAL), client:  # what is amiss is told by the errors raised here
        try:
            client.wait_for_workers(1, timeout=None if wait else PATIENCE)
        except TimeoutError:
            raise CompendiumError(
                f"{address}: the Dask scheduler has no workers; start some with `dask worker {address}`, "
                "or wait for them with --wait"
            ) from None
        yield client


def run(
    client: Client,
    sweep: Sweep,
    points: Sequence[Point],
    folder: Path,
    *,
    pages: bool = False,
    wait: bool = True,
) -> Iterator[tuple[Point, Outcome]]:
    """Run the points, and yield each with its outcome as it ends.

    A point whose worker dies is run again on another, as often as the scheduler's `allowed-failures` says.
    What still runs when the generator is closed is ended.

    Points begin in the order in which they are given. With `wait` it waits on where all workers are gone, as
    for those of this machine, which are started again.

    Raises CompendiumError where a worker does not see the folder or has other code, and Stopped where one
    turns out so later, or the scheduler is lost or, without `wait`, all its workers.
    """
    options = [*_options(sweep), "--page" if pages else "--no-page"]
    library = project.library_hash()
    _check_workers(client, folder, library)
    command = uuid4().hex  # so that no key is that of a task which another command began
    futures = {
        client.submit(
            task.execute,
            *(sweep.chapter, options, point, str(folder), library),
            key=f"{point.name}-{command}",
        ): point
        for point in points
    }
    try:
        for future, result in _as_they_end(client, list(futures), wait):
            yield futures[future], _outcome(future.status, result)
    finally:
        client.cancel(list(futures))


def _as_they_end(client: Client, futures: Sequence[Future], wait: bool) -> Iterator[tuple[Future, object]]:
    """Yield each future with its result; without `wait`, raise Stopped where no worker comes back."""
    ended = as_completed(futures, with_results=True, raise_errors=False)
    seen = time.monotonic()
    while not ended.is_empty():
        if wait or ended.has_ready():
            yield next(ended)
            continue
        if client.scheduler_info()["workers"]:
            seen = time.monotonic()
        elif time.monotonic() - seen > PATIENCE:
            raise Stopped("the Dask scheduler has lost all its workers")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _options(sweep: Sweep) -> list[str]:
    """Return the options of `compendium run` that are the same at every point."""
    same = [part for name, value in sweep.parameters.items() for part in ("-p", f"{name}={text(value)}")]
    doors = [part for door, spec in sweep.doors.items() for part in (f"--{door}", spec)]
    left_out = ["--without", ",".join(sweep.left_out)] if sweep.left_out else []
    return ["--profile", sweep.profile, *same, *doors, *left_out]


def _check_workers(client: Client, folder: Path, library: str) -> None:
    """Raise CompendiumError where a worker has an obstacle to the points."""
    for address, found in client.run(task.obstacle, str(folder), library).items():
        if found:
            raise CompendiumError(f"the worker {address} {found}")


def _outcome(status: str, result: object) -> Outcome:
    match status, result:
        case "finished", Outcome():
            return result
        case "error", (_, KilledWorker(), _):
            return Outcome("failed", "its workers died each time that it was run, perhaps for lack of memory")
        case "error", (_, CompendiumError() as error, _):
            raise Stopped(str(error))
        case "error", (_, error, _):
            return Outcome("failed", f"{type(error).__name__}: {error}")
        case _:
            raise Stopped("the Dask scheduler was lost")
