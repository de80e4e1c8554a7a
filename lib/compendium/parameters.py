"""What a chapter's parameters are, and whether given values fit.

A stand-in, to be replaced by the reader of the annotated cell: `sweep` needs what is here, under these names.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
import yaml

from compendium import runner
from compendium.errors import UsageError

KINDS = {"int": int, "float": float, "bool": bool, "str": str}


@dataclass(frozen=True)
class Parameter:
    """A declared parameter: `type` as written ("int", "list[float]"), `default` of that type, `meaning`."""

    name: str
    type: str
    default: Any
    meaning: str = ""

    @property
    def is_list(self) -> bool:
        """Whether a value is a list of items."""
        return self.type.startswith("list[")

    @property
    def kind(self) -> type:
        """The type of a value, or of an item of a list."""
        return KINDS[self.type.removeprefix("list[").removesuffix("]")]

    def value(self, given: object) -> Any:
        """Return a value, or its text, as this type; raises UsageError where it does not fit."""
        if not self.is_list:
            return self._item(given)
        if isinstance(given, str):
            given = yaml.safe_load(given) if given.startswith("[") else given.split(",")
        return [self._item(item) for item in given]

    def _item(self, given: object) -> Any:
        try:
            if self.kind is bool:
                return {"true": True, "false": False}[str(given).lower()]
            if self.kind is int and float(given) != int(float(given)):
                raise ValueError
            return self.kind(given)
        except (KeyError, TypeError, ValueError):
            raise UsageError(f'{self.name} = "{given}": expected {self.type}') from None


def declared(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook, in the order of its `parameters` cell."""
    return {
        name: Parameter(
            name, entry["inferred_type_name"], ast.literal_eval(entry["default"]), entry["help"] or ""
        )
        for name, entry in papermill.inspect_notebook(str(notebook)).items()
    }


def check(notebook: Path, given: Mapping[str, object]) -> dict[str, Any]:
    """Return the values as the types that the notebook declares; raises UsageError where one does not fit."""
    runner.check_parameters(notebook, given)
    known = declared(notebook)
    return {name: known[name].value(value) for name, value in given.items()}


def of_profile(notebook: Path, profile: str) -> dict[str, Any]:
    """Return what a profile changes in a notebook's parameters; raises UsageError for an unknown profile."""
    return runner.profile_parameters(notebook.stem, profile)
