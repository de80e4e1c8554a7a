"""A lab as its author writes it: a MyST notebook text whose cells have roles; see CONTRIBUTING.md."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import nbformat
from myst_nb.core.read import MystMetadataParsingError, read_myst_markdown_notebook

from compendium import project
from compendium.errors import CompendiumError, unknown
from compendium.labs.checking import KINDS

FOLDER = project.ROOT / "labs"

MARKDOWN_ROLES = ("", "hint", "solution", "rubric", "instructor")
CODE_ROLES = ("", "solution", "expected", "check", "wrong")
LAB_KEYS = ("number", "title", "chapter", "minutes", "objectives", "prerequisites")
TASK_KEYS = ("kind", "title", "minutes", "points")
EXPLAIN_KEYS = ("answer", "words")


@dataclass(frozen=True)
class Cell:
    """A piece of a lab: prose or code, and its role, which says who gets it.

    `hint` is, of a wrong answer, a part of the hint that it must get; `metadata` is the notebook's, such as
    a figure's caption.
    """

    text: str
    code: bool
    role: str
    hint: str
    metadata: Mapping[str, object]


@dataclass(frozen=True)
class Task:
    """A task, with all that belongs to it: statement, solution, check, wrong answers, rubric.

    Attributes:
        number, kind, title, minutes, points: number from 1, kind one of `checking.KINDS`. Points may be
            halves.
        cells: in the order of the source.
        answer, words: of an explain task, the variable that holds the text, and its least number of words.
    """

    number: int
    kind: str
    title: str
    minutes: int
    points: float
    cells: tuple[Cell, ...]
    answer: str = ""
    words: int = 0

    @property
    def check(self) -> str:
        """The source of the task's check function; an explain task has the same one each."""
        if self.kind == "explain":
            return f"def task{self.number}({self.answer}):\n    handed_in({self.answer}, words={self.words})"
        return "\n\n".join(self.having("check"))

    @property
    def answers(self) -> list[str]:
        """Names of the student's answers: the parameters of the check function."""
        function = ast.parse(self.check).body[-1]
        return [argument.arg for argument in function.args.args]

    @property
    def parts(self) -> dict[str, float]:
        """Points of the check's parts, by their names; none where the task is all or nothing."""
        found = {}
        for node in ast.walk(ast.parse(self.check)):
            match node:
                case ast.Call(func=ast.Name("part"), args=[name], keywords=[ast.keyword("points", points)]):
                    found[ast.literal_eval(name)] = ast.literal_eval(points)
                case ast.Call(func=ast.Name("expect"), keywords=[_, *_] as given):
                    named = {one.arg: ast.literal_eval(one.value) for one in given}
                    found[named["part"]] = named["points"]
        return found

    @property
    def rubric(self) -> str:
        """How a person gives points, in Markdown; "" where nobody has to."""
        return "\n\n".join(self.having("rubric"))

    @property
    def solutions(self) -> list[str]:
        """The code of the solution, cell by cell."""
        return [cell.text for cell in self.cells if cell.code and cell.role == "solution"]

    @property
    def model_answer(self) -> str:
        """The text of an explain task's solution."""
        return "\n\n".join(self.having("solution"))

    @property
    def wrong(self) -> list[Cell]:
        """Wrong answers that are anticipated: code in place of the solution's, each with its hint."""
        return [cell for cell in self.cells if cell.role == "wrong"]

    def having(self, role: str) -> list[str]:
        """Return the texts of the cells with a role."""
        return [cell.text for cell in self.cells if cell.role == role]


@dataclass(frozen=True)
class Lab:
    """A lab as its source has it.

    Attributes:
        name: of the file.
        number, title, chapter, minutes, objectives, prerequisites: what stands at its head; the chapter is
            the name of the page that it belongs to, or "" for a lab that joins them.
        introduction: cells before the first task.
        tasks: in order.
    """

    name: str
    number: int
    title: str
    chapter: str
    minutes: int
    objectives: list[str]
    prerequisites: list[str]
    introduction: tuple[Cell, ...]
    tasks: tuple[Task, ...]

    @property
    def points(self) -> float:
        """Points to be had in all tasks."""
        return sum(task.points for task in self.tasks)

    @cached_property
    def check_module(self) -> str:
        """The source of the module that students and the grader check answers with."""
        head = [cell.text for cell in self.introduction if cell.role == "check"]
        checks = [
            f"@task({one.number}, {one.title!r}, kind={one.kind!r}, points={one.points})\n{one.check}"
            for one in self.tasks
        ]
        names = "Hint, about, array, equal, expect, handed_in, number, one_of, part, task"
        imports = f"from compendium.labs.checking import {names}"
        return "\n\n\n".join([f'"""Checks of the lab "{self.title}"."""\n\n{imports}', *head, *checks]) + "\n"


def names() -> list[str]:
    """Return the names of the labs, by their numbers."""
    return sorted((path.stem for path in FOLDER.glob("*.md")), key=lambda name: load(name).number)


def load(name: str) -> Lab:
    """Read a lab; raises UsageError for an unknown name, CompendiumError for a source that is not right."""
    path = FOLDER / f"{name}.md"
    if not path.exists():
        raise unknown("lab", name, sorted(path.stem for path in FOLDER.glob("*.md")))
    return read(path)


def read(path: Path) -> Lab:
    """Read a lab from its file; raises CompendiumError, one line, where something is missing or misspelt."""
    return _parsed(path, path.read_text(encoding="utf-8"))


@cache
def _parsed(path: Path, text: str) -> Lab:
    try:
        notebook = read_myst_markdown_notebook(text)
    except MystMetadataParsingError as fault:
        raise CompendiumError(f"{path.name}: {str(fault).splitlines()[0]}") from None
    head = {key: value for key, value in notebook.metadata.items() if key not in {"kernelspec"}}
    _have(path.name, head, LAB_KEYS)
    groups: list[list[nbformat.NotebookNode]] = [[]]
    for cell in notebook.cells:
        if "task" in cell.metadata:
            groups.append([])
        groups[-1].append(cell)
    lab = Lab(
        name=path.stem,
        introduction=tuple(_cell(path.name, cell) for cell in groups[0]),
        tasks=tuple(_task(path.name, number, group) for number, group in enumerate(groups[1:], start=1)),
        **head,
    )
    if sum(task.minutes for task in lab.tasks) != lab.minutes:
        raise CompendiumError(f"{path.name}: minutes of the tasks are not those of the lab, {lab.minutes}")
    return lab


def _task(file: str, number: int, cells: list[nbformat.NotebookNode]) -> Task:
    where = f"{file}, task {number}"
    given = dict(cells[0].metadata["task"])
    if given.get("kind") not in KINDS:
        raise CompendiumError(f"{where}: {unknown('kind of task', given.get('kind'), KINDS)}")
    _have(where, given, TASK_KEYS + (EXPLAIN_KEYS if given["kind"] == "explain" else ()))
    task = Task(number=number, cells=tuple(_cell(where, cell) for cell in cells), **given)
    try:
        checked = [node.name for node in ast.parse(task.check).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError as fault:
        raise CompendiumError(f"{where}: check: {fault.msg} (line {fault.lineno})") from None
    if f"task{number}" not in checked[-1:]:
        raise CompendiumError(f"{where}: its check must end with a function task{number}")
    try:
        parts = task.parts
    except (ValueError, KeyError):
        raise CompendiumError(f"{where}: the name and the points of a part are written out") from None
    if parts and sum(parts.values()) != task.points:
        listed = " + ".join(f"{points:g}" for points in parts.values())
        raise CompendiumError(f"{where}: its parts have {listed} points, the task {task.points:g}")
    for role in ("rubric", "solution") if task.kind == "explain" else ("solution",):
        if not task.having(role):
            raise CompendiumError(f"{where}: no cell with the role {role}")
    return task


def _cell(where: str, cell: nbformat.NotebookNode) -> Cell:
    code = cell.cell_type == "code"
    role, roles = cell.metadata.get("role", ""), CODE_ROLES if code else MARKDOWN_ROLES
    if role not in roles:
        raise CompendiumError(f"{where}: {unknown('role', role, [one or 'none' for one in roles])}")
    metadata = dict(cell.metadata)
    hint = metadata.get("hint", "")
    for key in ("role", "hint", "task"):
        metadata.pop(key, None)
    if (role == "wrong") != bool(hint):
        raise CompendiumError(f"{where}: a wrong answer, and nothing else, has a `hint`")
    return Cell(cell.source, code, role, hint, metadata)


def _have(where: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in given:
            raise CompendiumError(f"{where}: no {key}")
    for key in given:
        if key not in keys:
            raise CompendiumError(f"{where}: {unknown('key', key, keys)}")
