"""A chapter's notebook, read once: its code, parameters, parts and modules. Nothing of it is run."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from compendium import parameters, project
from compendium.errors import CompendiumError, UsageError, unknown
from compendium.parameters import Parameter

PART = re.compile(r"part:([\w-]+)$")
"""Tag of the cells that belong to a part, which a run can do without."""


@dataclass(frozen=True)
class Chapter:
    """What decides a chapter's numbers, and what can be set in it.

    code: the sources of its cells of code, without the cell of parameters. parameters: by name, in order.
    parts: names of what a run can leave out, in the order of the cells.
    """

    path: Path
    code: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the notebook, without its ending."""
        return self.path.stem

    @cached_property
    def doors(self) -> tuple[str, ...]:
        """What of the chapter may be the user's own (see `own.DOORS`): the doors that its code opens."""
        found = re.findall(r"\.door\(\s*\"(\w+)\"", "\n".join(self.code))
        return tuple(dict.fromkeys(found))

    @cached_property
    def code_hash(self) -> str:
        """The sha256 of the code."""
        return hashlib.sha256(json.dumps(self.code).encode()).hexdigest()

    @cached_property
    def modules(self) -> list[Path]:
        """The files of the package that compute its numbers; see `project.computing_modules`."""
        return project.computing_modules(self.code)

    def check(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Return the given values as the types that are declared; texts are read by these types.

        So "1e-3", "false", "0.3,0.6" and "[1, 2]" become what they say where a number, a truth or a list is
        declared, and stay texts elsewhere. A single item stands for a list of one.

        Raises UsageError for an unknown name, a wrong type, a value out of range or not among the choices.
        """
        for name in given:
            if name not in self.parameters:
                raise unknown(f"parameter of {self.name}", parameters.one_line(name), self.parameters)
        return {name: self.parameters[name].value(value) for name, value in given.items()}

    def of_profile(self, profile: str) -> dict[str, Any]:
        """Return what a profile changes in the parameters, checked.

        Raises UsageError for an unknown profile or a value that does not fit.
        """
        known = profiles()
        if profile not in known:
            raise unknown("profile", parameters.one_line(profile), known)
        return self.check(known[profile].get(self.name) or {})

    def effective(self, given: Mapping[str, object], profile: str = "quick") -> dict[str, Any]:
        """Return the value of every parameter: the given one, or else its default.

        A list of the profile's is cut to what fits the other values, such as the number of images. Raises as
        `check`, also where a given list does not fit these.
        """
        defaults = {name: parameter.default for name, parameter in self.parameters.items()}
        values = defaults | self.check(given)
        unfit = [parameter for parameter in self.parameters.values() if not parameter.fits(values)]
        of_profile = self.of_profile(profile) if unfit and profile in profiles() else {}
        return values | {one.name: one.fitted(values, of_profile.get(one.name, one.default)) for one in unfit}

    def changed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the values that are not the default."""
        return {name: value for name, value in values.items() if value != self.parameters[name].default}

    def check_parts(self, names: str) -> tuple[str, ...]:
        """Return parts by their names, with commas between them, or all for "all".

        Raises UsageError for an unknown name.
        """
        if names == "all":
            return self.parts
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        for name in wanted:
            if name not in self.parts:
                raise unknown(f"part of {self.name}", parameters.one_line(name), self.parts)
        return tuple(part for part in self.parts if part in wanted)

    def table(self) -> list[tuple[str, ...]]:
        """Return what there is to say on the parameters, as texts.

        One row per parameter: name, type, default, range, meaning, what other profiles change.
        """
        changes = {name: self.of_profile(name) for name in profiles()}
        return [
            (
                parameter.name,
                parameter.type,
                parameters.as_typed(parameter.default),
                parameter.limits,
                "; ".join(filter(None, (parameter.meaning, parameter.note))),
                "; ".join(
                    f"{profile}: {parameters.as_typed(values[parameter.name])}"
                    for profile, values in changes.items()
                    if parameter.name in values
                ),
            )
            for parameter in self.parameters.values()
        ]


def read(path: Path) -> Chapter:
    """Read a chapter's notebook, or another one of code.

    Raises CompendiumError where it is no notebook, or a line of its cell of parameters declares none.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [
            ("".join(cell["source"]), cell["metadata"].get("tags", []))
            for cell in cells
            if cell["cell_type"] == "code"
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise CompendiumError(f"{path}: not a notebook ({fault}); name one of Jupyter's") from None
    declaration = next((source for source, tags in code if "parameters" in tags), "")
    try:
        declared = parameters.declared(declaration)
    except (UsageError, ValueError, SyntaxError) as fault:
        raise CompendiumError(f"{path}: in the cell of parameters, {fault}") from None
    injected = {"parameters", "injected-parameters"}
    return Chapter(
        path=path,
        code=tuple(source for source, tags in code if not injected & {*tags}),
        parameters=declared,
        parts=tuple(dict.fromkeys(filter(None, (part_of(tags) for _, tags in code)))),
    )


def named(name: str) -> Chapter:
    """Read the chapter of that name; raises UsageError for an unknown one."""
    return read(project.chapter_path(name))


def part_of(tags: list[str]) -> str | None:
    """Return the part that a cell with these tags belongs to, or None."""
    return next((found[1] for tag in tags if (found := PART.match(tag))), None)


def profiles() -> dict[str, dict[str, dict[str, object]]]:
    """Return what each profile changes: by profile and chapter, names and values."""
    return yaml.safe_load((project.NOTEBOOKS / "profiles.yml").read_text(encoding="utf-8"))
