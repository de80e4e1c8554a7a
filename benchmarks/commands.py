"""How soon a command answers, beside Python alone and the import of NumPy.

python benchmarks/commands.py [--rounds 3] [--all-claims]

Seconds, the least of the rounds, in which every line has its turn: by the clock, and of processor, the number
to go by on a busy machine; then the processor's in units of NumPy's import. A claim's row is computed in the
first round alone and read from then on, so its first answer has a line of its own. `--all-claims` adds the
whole ledger, which takes minutes where code, runs or packages have changed since the last time.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typer

PEERS = {"Python": ["-c", "pass"], "import numpy": ["-c", "import numpy"]}
COMMANDS = (
    *("--help", "--version", "nonsense"),
    *("run --help", "run nonsense", "run tuning -p epochs=0", "sweep tuning"),
    *("params tuning", "params nonsense", "data list", "data fetch nonsense"),
    *("claims --help", "claims S9-99", "claims --paper nonsense", "claims S2-22", "claims S1-04"),
    *("compare one other", "publish nonsense", "doctor --help", "lab --help", "lab grade nonsense"),
    *("lab build nonsense", "open nonsense"),
)
FIRST = """
import pathlib, sys
from compendium import cli, products
products.BUILD = pathlib.Path(sys.argv.pop(1))
cli.main()
"""
"""The command with another folder for what it keeps."""


def main(rounds: int = 3, all_claims: bool = False) -> None:
    """Print a line for each peer and command."""
    lines = PEERS | {name: ["-m", "compendium", *name.split()] for name in COMMANDS}
    if all_claims:
        lines["claims"] = ["-m", "compendium", "claims"]
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for name, arguments in lines.items():
            found.setdefault(name, []).append(seconds(arguments))
        for name in ("claims S2-22", "claims S1-04"):
            with tempfile.TemporaryDirectory() as folder:
                first = seconds(["-c", FIRST, str(Path(folder, "_build")), *name.split()])
            found.setdefault(f"{name}, the first time", []).append(first)
    unit = min(used for _, used in found["import numpy"])
    print(f"{'':28}{'seconds':>10}{'processor':>10}{'NumPys':>8}")
    for name, times in found.items():
        clock, used = (min(column) for column in zip(*times, strict=True))
        print(f"{name:28}{clock:10.2f}{used:10.2f}{used / unit:8.1f}")


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Run Python; return how long that took by the clock, and of processors."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended - started, used


if __name__ == "__main__":
    typer.run(main)
