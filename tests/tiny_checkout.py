"""A checkout with tiny notebooks for chapters, for tests that start the command in processes of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from tiny_notebooks import notebook_of

from compendium import project


@dataclass(frozen=True)
class Checkout:
    """The package as it is, in a folder of its own."""

    root: Path

    @property
    def environment(self):
        return {**os.environ, "PYTHONPATH": str(self.root / "lib")}

    def chapter(self, name, *cells, parameters):
        nbformat.write(notebook_of(*cells, parameters=parameters), self.root / "notebooks" / f"{name}.ipynb")

    def command(self, *arguments):
        return [sys.executable, "-m", "compendium", *map(str, arguments)]

    def call(self, *arguments):
        """Run `compendium` and return what came of it."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, encoding="utf-8", timeout=600
        )

    def start(self, *arguments):
        """Start `compendium` in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )


def checkout(root):
    shutil.copytree(project.ROOT / "lib", root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(project.ROOT / "book" / "_static", root / "book" / "_static")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "profiles.yml").write_text("quick: {}\ncpu: {}\n", encoding="utf-8")
    return Checkout(root)
