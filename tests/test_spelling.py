"""Spelling, British, of prose, code and notebooks; the words that are meant stand in pyproject.toml."""

import subprocess
import sysconfig
from pathlib import Path

from compendium import project

TYPOS = Path(sysconfig.get_path("scripts"), "typos")


def check(folder, *arguments):
    command = [TYPOS, "--config", project.ROOT / "pyproject.toml", "--format", "brief", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")


def test_the_checkout_is_spelt_well():
    found = check(project.ROOT)
    assert found.stdout == ""
    assert found.returncode == 0, found.stderr


def test_a_slip_and_an_american_spelling_are_found(tmp_path):
    slip = "".join(["T", "eh"])
    american = "".join(["analy", "ze"])
    (tmp_path / "page.md").write_text(f"{slip} neighbour labelled what we {american}.\n", encoding="utf-8")
    found = check(tmp_path, "page.md").stdout
    assert f"`{slip}`" in found
    assert f"`{american}`" in found
    assert len(found.splitlines()) == 2
