"""Run what a student wrote in a cage: bubblewrap (`bwrap`), on Linux.

How safe is it? A process in a cage has namespaces of its own for users, processes, files, network and the
rest, no capability, and cannot make further user namespaces. It sees the system's programs, Python, this
package, and the files given to it, all read-only; not the home folder, the labs' sources, other submissions,
or the environment of whoever grades. It writes only to folders in memory of limited size, gone when it ends.
It has no network, and ends with the grader, however that ends. The grader watches from outside: resident
memory of all its processes together, their number, the time, and how much is printed; whatever goes over a
limit is killed whole.

What is not covered:

- An error of the Linux kernel or of bubblewrap that lets a process out. On a machine with secrets, grade in
  a virtual machine.
- Memory is looked at five times a second, so a cage can be over its limit for that long, and memory that
  belongs to no process (memfd, shared maps, buffers of pipes, many empty files) is not counted.
  `systemd-run --user --scope -p MemoryMax=16G compendium lab grade ...` sets a bound that the kernel keeps.
- A cage shares the processors: submissions that compute much slow down their neighbours, whose time runs by
  the clock.
- What a student's process sees of the machine: its processors, memory, kernel, packages, and the names
  of the folders that Python and the package lie in.
- What a student knows. An answer is judged by what it does when it is called, so a function that looks the
  right values up somewhere passes as one that computes them.
"""

import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import compendium
from compendium import processes
from compendium.errors import CompendiumError

MB = 2**20
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_DIE = 10
FOLDER_MB = {"/lab": 512, "/tmp": 512, "/dev/shm": 64}  # what a cage can write to
READY = b"ready\n"  # what a submission's cage prints before it reads anything of a student's
KEPT_OF_STDERR = 4000  # bytes, the last ones
ADDRESS_SPACE = 64 * 1024 * MB  # a backstop for one process; TensorFlow reserves far more than it uses
MOST_THREADS = 2000

_SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
_SYSTEM += ["/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime"]
_FLAGS = "--unshare-all --unshare-user --disable-userns --uid 1000 --gid 1000 --hostname lab --cap-drop ALL"
_FLAGS += " --new-session --die-with-parent --clearenv"
_PROBE = """
import os, socket, sys
import IPython, compendium, nbformat, psutil
assert socket.if_nameindex() in ([], [(1, "lo")]), "the network can be reached"
assert not os.path.exists(sys.argv[1]), "the file system can be read"
assert sum(name.isdigit() for name in os.listdir("/proc")) < 5, "other processes can be seen"
"""


@dataclass(frozen=True)
class Limits:
    """What a cage may use: seconds by the clock, bytes of resident memory, bytes printed, processes."""

    seconds: float
    memory: int
    output: int = 10 * MB
    processes: int = 100


@dataclass
class Cage:
    """A Python module running in a cage.

    Attributes:
        stdout, stderr: what it has printed, of stderr only the end.
        fault: why it was killed, "" if it was not.
    """

    process: subprocess.Popen[bytes]
    limits: Limits
    started: float = field(default_factory=time.monotonic)
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    printed: int = 0
    fault: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.process.poll() is not None

    def take(self, stream: str, data: bytes) -> None:
        """Keep what it printed on "stdout" or "stderr"."""
        self.printed += len(data)
        getattr(self, stream).extend(data)
        del self.stderr[:-KEPT_OF_STDERR]
        if self.printed > self.limits.output:
            self.kill(f"it printed more than {self.limits.output / MB:.0f} MB")

    def look(self) -> None:
        """Kill it if it uses more than it may."""
        members = processes.tree(self.process.pid)
        memory = 0
        for member in members:
            with suppress(psutil.Error):
                memory += member.memory_info().rss
        if len(members) > self.limits.processes:
            self.kill(f"it started more than {self.limits.processes} processes")
        elif memory > self.limits.memory:
            self.kill(f"it used more than {self.limits.memory / 1024 / MB:.3g} GB of memory")
        elif time.monotonic() - self.started > self.limits.seconds:
            self.kill(f"it took longer than {self.limits.seconds / 60:.3g} minutes")

    def kill(self, fault: str) -> None:
        """End all of it; the first reason is kept."""
        if not self.ended:
            self.fault = self.fault or fault
        members = processes.end(self.process.pid)
        self.process.wait()
        until = time.monotonic() + SECONDS_TO_DIE
        while any(map(_runs, members)) and time.monotonic() < until:
            time.sleep(0.01)


def start(
    module: str,
    *arguments: str,
    files: Mapping[str, Path],
    inherited: int,
    limits: Limits,
    threads: int = 1,
    hidden: Iterable[Path] = (),
) -> Cage:
    """Start `python -m module arguments...` in a cage of its own, in the folder /lab.

    The module calls `confine` first.

    Args:
        module: its name.
        *arguments: of its command line.
        files: what it is given to read, by absolute paths inside.
        inherited: the descriptor that it inherits, by the same number.
        limits: what it may use; `watch` sees to it.
        threads: processors that numerical libraries are told to use.
        hidden: folders that it must not see, even where they lie in one that it sees.
    """
    command = [*_bwrap(files, hidden, threads), sys.executable, "-m", module, *arguments]
    return Cage(
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},  # bwrap itself runs inside, too, where its environment can be read
            pass_fds=[inherited],
            start_new_session=True,
        ),
        limits,
    )


def watch(cages: Sequence[Cage], stop: threading.Event) -> None:
    """Keep what the cages print and hold them to their limits until the last has ended; then end all.

    All are also ended as soon as `stop` is set, and if this function is left by an exception.
    """
    with selectors.DefaultSelector() as selector:
        for cage in cages:
            selector.register(cage.process.stdout, selectors.EVENT_READ, (cage, "stdout"))
            selector.register(cage.process.stderr, selectors.EVENT_READ, (cage, "stderr"))
        looked = time.monotonic()
        try:
            while not (stop.is_set() or cages[-1].ended):
                _take(selector, SECONDS_BETWEEN_LOOKS)
                if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                    for cage in cages:
                        cage.look()
                    looked = time.monotonic()
        finally:
            for cage in cages:
                cage.kill("")
            while _take(selector, 0):
                pass
            for cage in cages:
                cage.process.stdout.close()
                cage.process.stderr.close()


def confine() -> None:
    """Limit this process, which runs in a cage, and all that it will start; cannot be undone.

    It has no Numba, as students have none: compiling in each cage anew takes longer than it would save.
    """
    import resource  # which Windows lacks; there, `require` has to be able to say so

    sys.modules["numba"] = None
    for kind, most in {
        resource.RLIMIT_AS: ADDRESS_SPACE,
        resource.RLIMIT_FSIZE: max(FOLDER_MB.values()) * MB,
        resource.RLIMIT_NPROC: MOST_THREADS,
        resource.RLIMIT_CORE: 0,
    }.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def require() -> None:
    """Raise CompendiumError, saying what to do, unless cages can be made here and hold."""
    if not sys.platform.startswith("linux"):
        raise CompendiumError("submissions are graded on Linux only; on Windows, use WSL")
    if shutil.which("bwrap") is None:
        raise CompendiumError(
            "submissions run in a cage of bubblewrap, which is not installed; `sudo apt install bubblewrap`"
        )
    home = Path.home().resolve()
    for folder in _python_folders():
        if home.is_relative_to(folder.resolve()):
            raise CompendiumError(
                f"Python is installed in {folder}, so that submissions would see your home folder; install "
                "it in a folder of its own"
            )
    with tempfile.NamedTemporaryFile() as secret:
        probe = [*_bwrap({}, [], 1), sys.executable, "-c", _PROBE, secret.name]
        done = subprocess.run(probe, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, env={})
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise CompendiumError(
            f"the cage for submissions does not hold here ({reason}); it needs bubblewrap 0.8 or later, this "
            "package in a virtual environment, and user namespaces (on Ubuntu: `sudo sysctl "
            "kernel.apparmor_restrict_unprivileged_userns=0`)"
        )


def _take(selector: selectors.BaseSelector, timeout: float) -> bool:
    """Read once what each cage has printed, after waiting for it; return whether there was anything."""
    ready = selector.select(timeout) if selector.get_map() else time.sleep(timeout) or []
    for key, _ in ready:
        cage, stream = key.data
        if data := os.read(key.fd, MB):
            cage.take(stream, data)
        else:
            selector.unregister(key.fileobj)
    return bool(ready)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _bwrap(files: Mapping[str, Path], hidden: Iterable[Path], threads: int) -> list[str]:
    """Return the command up to what is to run; what is mounted last lies on top."""
    command = [shutil.which("bwrap") or "bwrap", *_FLAGS.split(), "--proc", "/proc", "--dev", "/dev"]
    for folder, size in FOLDER_MB.items():
        command += ["--size", str(size * MB), "--tmpfs", folder]
    seen = [Path(path) for path in _SYSTEM]
    seen += _python_folders()
    for path in seen:
        command += ["--ro-bind-try", str(path), str(path)]
    for path in {path.resolve() for path in hidden if path.exists()}:
        if any(one.resolve() in path.parents for one in seen):
            command += ["--tmpfs", str(path), "--remount-ro", str(path)]
    command += ["--ro-bind", str(Path(compendium.__file__).parent), "/cage/compendium"]
    for inside, path in files.items():
        command += ["--ro-bind", str(path), inside]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/lab"]
    for name, value in _environment(threads).items():
        command += ["--setenv", name, value]
    return [*command, "--"]


def _python_folders() -> list[Path]:
    """Return the folders that hold this Python and its packages."""
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    return sorted({one for prefix in prefixes for one in (prefix, prefix.resolve())})


def _environment(threads: int) -> dict[str, str]:
    from compendium import runs  # here, not above: in a cage nothing needs it

    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/lab",
        "TMPDIR": "/tmp",
        "USER": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/cage",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        **runs.computing(threads),
    }
