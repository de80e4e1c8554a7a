"""Compile Qhull, as SciPy has it, for the browser: `book/_static/vendor/qhull-8.0.2.js`.

    python lib/compendium/site/qhull/build.py scipy-1.17.1/subprojects/qhull_r

takes the folder of SciPy's source distribution and the package `ziglang` (0.17.1 was used), which brings a
compiler for WebAssembly. Multiplications and additions are not fused, as in SciPy's wheels for x86-64: the
browser finds the same triangles.
"""

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parents[3] / "book" / "_static" / "vendor" / "qhull-8.0.2.js"
REPLACED = ("rboxlib_r.c", "userprintf_r.c", "userprintf_rbox_r.c")


def main(qhull: Path) -> None:
    """Write the script with the licence and the compiled functions, in base64."""
    sources = [path for path in sorted((qhull / "libqhull_r").glob("*.c")) if path.name not in REPLACED]
    exported = [f"-Wl,--export={name}" for name in ("given", "found", "delaunay")]
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder, "delaunay.wasm")
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-mexec-model=reactor"]
        options = ["-Os", "-flto", "-ffp-contract=off", "-s", "-w", "-Dqh_NOtrace", f"-I{HERE}", f"-I{qhull}"]
        own = [HERE / "delaunay.c", HERE / "quiet.c"]
        subprocess.run([*compiler, *options, *exported, "-o", compiled, *own, *sources], check=True)
        content = base64.b64encode(compiled.read_bytes()).decode()
    licence = (qhull / "libqhull_r" / "COPYING.txt").read_text(encoding="utf-8").replace("*/", "* /").strip()
    about = f"Qhull 8.0.2, compiled for WebAssembly by lib/compendium/site/qhull/build.py.\n\n{licence}"
    TARGET.write_text(f'/*! {about}\n*/\ncompendiumPlay.data.qhull = "{content}";\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
