"""A book of a page or two with the real settings, really compiled."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from compendium import project


def compiled(folder: Path, pages: Mapping[str, str], **settings: Mapping[str, Any]) -> Path:
    """Compile pages, given by their path in `folder`, the first of them in front; return the folder of HTML.

    Settings are joined with the book's, section by section. A page without content is there already.
    """
    first, *others = [Path(name).with_suffix("").as_posix() for name in pages]
    contents = {"format": "jb-book", "root": first, "chapters": [{"file": name} for name in others]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    shutil.copytree(project.ROOT / "book" / "_static", folder / "book" / "_static")
    (folder / "book" / "references.bib").write_text("", encoding="utf-8")
    ours = yaml.safe_load((project.ROOT / "_config.yml").read_text(encoding="utf-8"))
    for section, values in settings.items():
        ours[section] |= values
    (folder / "_config.yml").write_text(yaml.safe_dump(ours), encoding="utf-8")
    for name, content in pages.items():
        if content:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
    return compile_pages(folder)


def compile_pages(folder: Path) -> Path:
    """Compile the book in `folder`, what changed since the last time; return the folder of HTML."""
    jupyter_book = ["-c", "from jupyter_book.cli.main import main; main()", "build", str(folder)]
    ended = subprocess.run(
        [sys.executable, *jupyter_book, "-W", "--keep-going"], capture_output=True, encoding="utf-8"
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "_build" / "html"
