"""Run a notebook through papermill: parameters in, executed notebook and record out."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from nbclient.exceptions import DeadKernelError

from compendium import data, faults, parameters, progress, project
from compendium.errors import CompendiumError

# what NumPy, Numba, joblib and TensorFlow read
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def threads(number: int) -> dict[str, str]:
    """Return the environment variables that hold a process to so many threads, 1 or more."""
    return dict.fromkeys(_THREADS, str(number))


def key(notebook: Path, given: Mapping[str, object]) -> str:
    """Return a hash of all that decides a run's outcome.

    These are the notebook's cells (not their outputs), the parameters, lib/, the data sets that they name,
    the recorded runs that the chapter quotes, and the installed packages.

    Raises UsageError for a parameter that does not fit, CompendiumError where a data set is not there.
    """
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in nbformat.read(notebook, 4).cells]
    defaults = {name: parameter.default for name, parameter in parameters.declared(notebook).items()}
    effective = {**defaults, **parameters.check(notebook, given)}
    quoted = [path for path in (project.RESULTS / notebook.stem).rglob("*") if path.is_file()]
    values = [v for value in effective.values() for v in (value if isinstance(value, list) else [value])]
    decisive = [
        cells,
        effective,
        project.library_hash(),
        [data.fingerprint(name) for name in data.NAMES if name in values],
        project.files_hash(quoted),
        project.packages_hash(),
    ]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def run(
    notebook: Path,
    given: Mapping[str, object],
    *,
    profile: str,
    out: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Execute `notebook` into the folder `out`, with further environment variables; return the executed copy.

    Checkpoints, weights and the record land in `out` too; a run that was killed goes on from its checkpoints
    when it is started again with the same folder. The executed copy appears last, and whole.

    Raises:
        UsageError: an unknown parameter, or a value that does not fit.
        CompendiumError: a cell failed, its process died, the disk is full, or the run was interrupted; the
            notebook up to there is kept as `<name>.failed.ipynb`.
    """
    given = parameters.check(notebook, given)
    out = out.resolve()  # papermill writes from the notebook's own folder
    out.mkdir(parents=True, exist_ok=True)
    unfinished, failed = (out / f"{notebook.stem}.{state}.ipynb" for state in ("unfinished", "failed"))
    failed.unlink(missing_ok=True)
    _Kernel.exit_status = None
    try:
        with (
            _environment(COMPENDIUM_RUN=str(out), COMPENDIUM_PROFILE=profile, **environment),
            progress.shown(out, notebook.stem) as hooks,
        ):
            papermill.execute_notebook(
                str(notebook),
                str(unfinished),
                given,
                kernel_name="python3",  # this environment's, whatever kernel the notebook was saved with
                cwd=str(notebook.parent),
                progress_bar=False,
                kernel_manager_class=_Kernel,
                coalesce_streams=True,  # however the kernel happened to cut what it printed
                extra_arguments=["--log-level=CRITICAL"],  # of the kernel, which warns of TCP at every start
                **hooks,
            )
        _without_traces(unfinished)
    except (
        papermill.PapermillExecutionError,
        DeadKernelError,
        RuntimeError,
        OSError,
        KeyboardInterrupt,
    ) as fault:
        # the execution that was cut off would report its kernel's end with a traceback
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        kept = _kept(unfinished, failed)
        reason, _, source = faults.described(fault, kept, _Kernel.exit_status).partition("\n")
        where = f"; see {failed}" if kept else ""
        raise CompendiumError(
            "\n".join(filter(None, (f"{notebook.stem}: {reason}{where}", source)))
        ) from fault
    return unfinished.replace(out / notebook.name)


class _Kernel(AsyncKernelManager):
    """Notes how the latest notebook's process ended, which nbclient's DeadKernelError does not say."""

    exit_status: ClassVar[int | None] = None

    async def _async_is_alive(self) -> bool:
        alive = await super()._async_is_alive()
        if not alive and self.provisioner:
            type(self).exit_status = await self.provisioner.poll()
        return alive

    is_alive = _async_is_alive


def _kept(unfinished: Path, failed: Path) -> nbformat.NotebookNode | None:
    """Keep the notebook as far as it came, if it could be written."""
    try:
        unfinished.replace(failed)
        return nbformat.read(failed, 4)
    except (OSError, ValueError):
        failed.unlink(missing_ok=True)
        return None


def _without_traces(path: Path) -> None:
    """Drop papermill's times, paths and random names, so that equal runs leave equal notebooks."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
    for part in (notebook, *notebook.cells):
        for trace in ("papermill", "execution"):
            part.metadata.pop(trace, None)
        if not part.metadata.get("tags", True):
            del part.metadata["tags"]
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for the kernels started inside the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
