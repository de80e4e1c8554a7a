import sys

import pytest

from compendium import cli


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `compendium` with arguments: gives exit status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["compendium", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        return status, *capsys.readouterr()

    return run
