"""Run a chapter through papermill: a run goes in, an executed notebook and a record come out."""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from traitlets import Instance
from zmq import ZMQError

from compendium import faults, progress, project, results, runs
from compendium.chapters import Chapter, part_of
from compendium.errors import CompendiumError
from compendium.runs import Run

DONE, LEFT_OUT, FAILED = "done", "left out", "failed"
LAUNCH = (  # few collections of garbage, which would take a fifth of the time that imports take
    "import gc, runpy; gc.set_threshold(50_000, 10, 10); "
    "runpy.run_module('ipykernel_launcher', run_name='__main__')"
)
_SETTINGS = {  # of the user's own, which change how code runs
    *("PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONSTARTUP", "PYTHONINSPECT"),
    *("MPLBACKEND", "NUMBA_DISABLE_JIT", "TF_XLA_FLAGS", "XLA_FLAGS"),
}
SECONDS_FOR_OUTPUT = 600
"""How long a cell that has ended may take to send its output: with many runs on a machine, a while."""


def run(chapter: Chapter, this: Run, *, strict: bool = False) -> Path:
    """Execute a run of a chapter into the run's folder; return the executed notebook.

    Checkpoints, weights and the record land in the folder too; a run that was killed goes on from its
    checkpoints when it is started again there. The executed notebook appears last, and whole. Where a cell of
    a part fails, the rest of the part is passed over and the run goes on; its record says so.

    Args:
        chapter: what is executed.
        this: the run of it, with its folder.
        strict: whether a part that fails ends the run, too.

    Raises CompendiumError where a cell failed, its process died, the disk is full or the run was interrupted;
    the notebook up to there is kept as `<name>.failed.ipynb`.
    """
    out = this.folder.resolve()  # papermill writes from the notebook's own folder
    out.mkdir(parents=True, exist_ok=True)
    unfinished, failed = out / f"{chapter.name}.unfinished.ipynb", out / runs.failed(chapter.name)
    for earlier in (failed, failed.with_suffix(".html")):
        earlier.unlink(missing_ok=True)
    execution = _Execution(
        strict, dict.fromkeys(chapter.parts, DONE) | dict.fromkeys(this.left_out, LEFT_OUT)
    )
    try:
        with (
            runs.started(this),
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,  # the kernel may just be ending
            progress.shown(out, chapter.name, faults.numbers) as hooks,
        ):
            execution.environment = _environment(this, home)
            execution.complaints = Path(home, "complaints.txt")
            papermill.execute_notebook(
                str(chapter.path),
                str(unfinished),
                chapter.changed(this.parameters),
                engine_name=_Engine.NAME,
                kernel_name="python3",  # the name of Jupyter's kernel for Python; see _Kernel
                cwd=str(chapter.path.parent),
                progress_bar=False,
                execution=execution,
                coalesce_streams=True,  # however the kernel happened to cut what it printed
                extra_arguments=["--log-level=CRITICAL"],  # of the kernel, which warns of TCP at every start
                **hooks,
            )
        _without_traces(unfinished)
        if (out / runs.RECORD).exists():
            results.complete(out, chapter.code, execution.cells, execution.parts)
    except (
        papermill.PapermillExecutionError,
        DeadKernelError,
        RuntimeError,
        ZMQError,
        OSError,
        KeyboardInterrupt,
        CompendiumError,
    ) as fault:
        # the execution that was cut off would report its kernel's end with a traceback
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        kept = _kept(unfinished, failed)
        reason, _, source = faults.described(
            fault, kept, execution.exit_status, execution.last_words
        ).partition("\n")
        where = f"; see {failed}" if kept else ""
        raise CompendiumError(
            "\n".join(filter(None, (f"{chapter.name}: {reason}{where}", source)))
        ) from fault
    return unfinished.replace(out / chapter.path.name)


@dataclass
class _Execution:
    """What is to be done with a notebook's cells, and what became of them.

    strict: whether a part that fails ends the run. parts: by name, what became of each. cells: `cell`, from 1
    over all cells of the chapter, and `seconds`. complaints: file for what the kernel's process writes on
    stderr, beside what its cells do. exit_status, last_words: of that process, once it ended by itself.
    """

    strict: bool
    parts: dict[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    complaints: Path = Path(os.devnull)
    cells: list[dict[str, Any]] = field(default_factory=list)
    exit_status: int | None = None
    last_words: str = ""


class _Kernel(AsyncKernelManager):
    """A kernel of this environment's Python, whatever kernels Jupyter knows; notes how its process ended."""

    execution = Instance(_Execution)

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-c", LAUNCH, "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")

    async def _async_is_alive(self) -> bool:
        alive = await super()._async_is_alive()
        if not alive and self.provisioner:
            self.execution.exit_status = await self.provisioner.poll()
            said = self.execution.complaints.read_text(encoding="utf-8", errors="replace").strip()
            self.execution.last_words = said.rpartition("\n")[2]
        return alive

    is_alive = _async_is_alive


class _Client(PapermillNotebookClient):
    """Leaves parts out, goes on where a part fails, and measures the time of each cell."""

    execution = Instance(_Execution)

    def create_kernel_manager(self) -> AsyncKernelManager:
        manager = super().create_kernel_manager()
        manager.execution = self.execution
        return manager

    def execute_cell(self, cell: nbformat.NotebookNode, cell_index: int, **options: Any) -> Any:
        tags = cell.metadata.get("tags", [])
        own = [c for c in self.nb.cells[: cell_index + 1] if not faults.of_papermill(c)]
        part, parts = part_of(tags), self.execution.parts
        if cell.cell_type == "code" and part and parts[part] != DONE:
            cell.outputs, cell.execution_count = [], None
            return cell
        started = time.perf_counter()
        try:
            executed = super().execute_cell(cell, cell_index, **options)
            # what fails behind a cell, such as showing its figure, raises nothing
            fault = next((o for o in cell.get("outputs", []) if o.output_type == "error"), None)
            if fault is None:
                return executed
            raise CellExecutionError("", fault.ename, fault.evalue)
        except CellExecutionError as fault:
            if part is None or self.execution.strict:
                raise
            reason = faults.of_output(fault)
            parts[part] = f"{FAILED}: {reason}"
            note = f"*This part could not be computed here ({reason}), and the run went on without it.*"
            cell.outputs = [
                nbformat.v4.new_output("display_data", {"text/markdown": note, "text/plain": note})
            ]
            return cell
        finally:
            if cell.cell_type == "code" and not faults.of_papermill(cell):
                seconds = round(time.perf_counter() - started, 3)
                self.execution.cells.append({"cell": len(own), "seconds": seconds})


class _Engine(Engine):
    """papermill's way to execute a notebook, with the client above."""

    NAME = "compendium"

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, execution: _Execution, start_timeout: int, **options: Any
    ) -> None:
        """Execute the notebook that papermill manages."""
        names = ("coalesce_streams", "extra_arguments", "on_notebook_start", "on_cell_execute")
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=_Kernel,
            startup_timeout=start_timeout,
            iopub_timeout=SECONDS_FOR_OUTPUT,
            shutdown_kernel="immediate",  # all that it computed is written; TensorFlow takes seconds to end
            execution=execution,
            **{name: options[name] for name in names},
        )
        nb_man.save = lambda **_: None  # else papermill writes the notebook twice for each cell, of prose too
        try:
            with execution.complaints.open("w", encoding="utf-8") as complaints:
                client.execute(env=dict(execution.environment), stderr=complaints)
        finally:
            del nb_man.save


papermill_engines.register(_Engine.NAME, _Engine)


def _environment(this: Run, home: str) -> dict[str, str]:
    """Return the environment of a run's kernel: nothing of the user's own settings changes its numbers."""
    variables = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    return (
        variables
        | runs.computing()
        | {
            "COMPENDIUM_RUN": str(this.folder.resolve()),
            "KERAS_BACKEND": this.backend,
            "KERAS_HOME": home,  # no keras.json
            "IPYTHONDIR": home,  # no profile, no start-up files
            "MATPLOTLIBRC": str(Path(find_spec("matplotlib").origin).with_name("mpl-data") / "matplotlibrc"),
            "PYTHONHASHSEED": "0",
            "PYTHONUTF8": "1",
            "LC_ALL": "C.UTF-8",
        }
    )


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
    notebook.metadata.pop(project.METADATA, None)  # of the outputs that the chapter had before
    nbformat.write(notebook, path)
