"""A lab as its author writes it: a MyST notebook text whose cells have roles; see CONTRIBUTING.md."""

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import nbformat
from markdown_it import MarkdownIt
from myst_nb.core.read import MystMetadataParsingError, read_myst_markdown_notebook

from compendium import phrases, project
from compendium.errors import CompendiumError, UsageError, one_line, unknown
from compendium.labs.checking import KINDS
from compendium.labs.code import bound, stub, used

FOLDER = project.ROOT / "labs"

MARKDOWN_ROLES = ("", "hint", "solution", "rubric", "instructor")
CODE_ROLES = ("", "solution", "expected", "check", "wrong")

WHOLE, NUMBER, TEXT, LIST = "a whole number above 0", "a number above 0", "a text", "a list of texts"
LAB_KEYS = {
    **{"number": WHOLE, "title": TEXT, "chapter": TEXT, "minutes": WHOLE},
    **{"objectives": LIST, "prerequisites": LIST},
}
TASK_KEYS = {"kind": TEXT, "title": TEXT, "minutes": WHOLE, "points": NUMBER}
EXPLAIN_KEYS = {"answer": TEXT, "words": WHOLE}

FOR_CHECKS = ("Hint", "about", "array", "equal", "expect", "handed_in", "number", "one_of", "part", "task")
"""What of `checking` a check module imports."""

RUN = ("", "solution", "expected", "given")
"""Roles of the code that a solution runs; `given` is what is left of a task that is left out."""


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

    @property
    def bound(self) -> set[str]:
        """Names that it gives to something where it is a part of the solution's code."""
        return bound(self.text) if self.code and self.role in RUN else set()

    @property
    def used(self) -> set[str]:
        """Names that it needs from before, where it is a part of the solution's code or a wrong answer."""
        return used(self.text) - bound(self.text) if self.code and self.role in {*RUN, "wrong"} else set()


@dataclass(frozen=True)
class Task:
    """A task, with all that belongs to it: statement, solution, check, wrong answers, rubric.

    Attributes:
        number, kind, title, minutes, points: number from 1 in the source, kind one of `checking.KINDS`.
            Points may be halves.
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
            return f"def {self.answer}({self.answer}):\n    handed_in({self.answer}, words={self.words})"
        return "\n\n".join(self.having("check"))

    @property
    def name(self) -> str:
        """The name of the check function, by which students and graders call it."""
        return ast.parse(self.check).body[-1].name

    @property
    def answers(self) -> list[str]:
        """Names of the student's answers: the parameters of the check function."""
        function = ast.parse(self.check).body[-1]
        return [argument.arg for argument in function.args.args]

    @property
    def parts(self) -> list[tuple[str, float]]:
        """Names and points of the check's parts; none where the task is all or nothing."""
        found = []
        for node in ast.walk(ast.parse(self.check)):
            match node:
                case ast.Call(func=ast.Name("part"), args=[name], keywords=[ast.keyword("points", points)]):
                    found.append((ast.literal_eval(name), ast.literal_eval(points)))
                case ast.Call(func=ast.Name("expect"), keywords=[_, *_] as given):
                    named = {one.arg: ast.literal_eval(one.value) for one in given}
                    found.append((named["part"], named["points"]))
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
    def prose(self) -> str:
        """All that is said in it."""
        return "\n\n".join(cell.text for cell in self.cells if not cell.code)

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
        return _with_role(self.cells, role)

    @property
    def bound(self) -> set[str]:
        """Names that are given to something when its solution has run."""
        return {name for cell in self.cells for name in cell.bound} | ({self.answer} - {""})


@dataclass(frozen=True)
class Lab:
    """A lab as its source has it.

    Attributes:
        name: of the file.
        number, title, chapter, minutes, objectives, prerequisites: what stands at its head; the chapter is
            the name of the page that it belongs to, or "" for a lab that joins them.
        introduction: cells before the first task.
        tasks: in order.
        language: of the fixed words, one of `phrases`.
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
    language: str = phrases.ENGLISH

    def say(self, key: str, **values: object) -> str:
        """Return a fixed phrase in the language of the lab."""
        return phrases.say(self.language, key, **values)

    @property
    def points(self) -> float:
        """Points to be had in all tasks."""
        return sum(task.points for task in self.tasks)

    def task(self, number: int) -> Task:
        """Return the task of that number, which there is."""
        return next(task for task in self.tasks if task.number == number)

    def without(self, numbers: Collection[int]) -> "Lab":
        """Return the lab without some tasks, whose points and minutes go; the others keep their numbers.

        Code that a later task needs of one that goes, its solution included, is given at the head of the next
        task. Raises UsageError for a number of no task, or of all.
        """
        for number in numbers:
            if number not in (known := [task.number for task in self.tasks]):
                raise unknown(f"task of {self.name}", number, map(str, known))
        if not (left := [task for task in self.tasks if task.number not in numbers]):
            raise UsageError(f"{self.name}: no task is left")
        needed: set[str] = set()
        for position in reversed(range(len(left))):
            task = left[position]
            for cell in reversed(task.cells):
                needed = (needed - cell.bound) | cell.used
            before = left[position - 1].number if position else 0
            given: list[Cell] = []
            for gone in reversed(self.tasks[before : task.number - 1]):
                for cell in reversed(gone.cells):
                    if cell.bound & needed:
                        given.insert(0, replace(cell, role="given", metadata={}))
                        needed = (needed - cell.bound) | cell.used
            left[position] = replace(task, cells=(*given, *task.cells))
        return replace(self, tasks=tuple(left), minutes=sum(task.minutes for task in left))

    @property
    def loose_ends(self) -> list[str]:
        """Where the lab's prose speaks of a task that is left out."""
        there = {task.number for task in self.tasks}
        mention = re.compile(rf"\b{self.say('task')}\w? (\d+)\b", re.IGNORECASE)
        return [
            f"task {task.number} speaks of task {number}, which is left out"
            for task in self.tasks
            for number in sorted({int(one) for one in mention.findall(task.prose)} - there)
        ]

    @cached_property
    def check_module(self) -> str:
        """The source of the module that students and the grader check answers with."""
        head = [cell.text for cell in self.introduction if cell.role == "check"]
        language = "" if self.language == phrases.ENGLISH else f", language={self.language!r}"
        checks = [
            f"@task({one.number}, {one.title!r}, kind={one.kind!r}, points={one.points}{language})\n"
            f"{one.check}"
            for one in self.tasks
        ]
        imports = f"from compendium.labs.checking import {', '.join(FOR_CHECKS)}"
        return "\n\n\n".join([f'"""Checks of the lab "{self.title}"."""\n\n{imports}', *head, *checks]) + "\n"


def names(folder: Path | None = None) -> list[str]:
    """Return the names of the labs in a folder, by default the repository's, by their numbers.

    A Markdown file without a head, such as a README, is none.
    """
    return [_name(path) for path in sorted(_files(folder or FOLDER), key=lambda path: read(path).number)]


def load(name: str, folder: Path | None = None) -> Lab:
    """Read a lab; raises UsageError for an unknown name, CompendiumError for a source that is not right."""
    files = {_name(path): path for path in _files(folder or FOLDER)}
    if name not in files:
        raise unknown("lab", name, sorted(files))
    return read(files[name])


def without(labs: Mapping[str, Lab], name: str, numbers: Collection[int]) -> dict[str, Lab]:
    """Return the labs, one of them without some tasks; its name may be "" where there is only one.

    Raises UsageError where it is not said which one, and as `Lab.without` does.
    """
    if not numbers:
        return dict(labs)
    if not name and len(labs) != 1:
        raise UsageError(f"--without is for one lab; name it, too ({', '.join(labs)})")
    name = name or next(iter(labs))
    return {**labs, name: labs[name].without(numbers)}


def read(path: Path) -> Lab:
    """Read a lab from its file; raises CompendiumError, one line, where something is missing or misspelt."""
    return _parsed(path, _text(path))


def _files(folder: Path) -> list[Path]:
    """Return the labs' files; raises UsageError for what is no folder."""
    if folder == FOLDER and not folder.exists():  # a book need not have labs
        return []
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder; give the one that the labs' sources lie in")
    return [path for path in folder.glob("*.md") if _text(path).startswith("---")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise CompendiumError(f"{path}: cannot be read as UTF-8 ({one_line(fault)})") from None


def _name(path: Path) -> str:
    """Return a lab's name; raises CompendiumError for one that cannot stand in the name of a module."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise CompendiumError(
            f"{path.name}: a lab's file is named in small letters, digits and underscores, as my_lab.md is"
        )
    return path.stem


@cache
def _parsed(path: Path, text: str) -> Lab:
    try:
        notebook = read_myst_markdown_notebook(text)
    except MystMetadataParsingError as fault:
        raise CompendiumError(f"{path.name}: {one_line(fault)}") from None
    except TypeError:
        raise CompendiumError(f"{path.name}: no keys between the lines --- at its head") from None
    head = {key: value for key, value in notebook.metadata.items() if key not in {"kernelspec"}}
    _have(path.name, head, LAB_KEYS, optional={"language": TEXT})
    if head.get("language"):
        try:
            phrases.of(head["language"])
        except CompendiumError as fault:
            raise CompendiumError(f"{path.name}: {fault}") from None
    groups: list[list[nbformat.NotebookNode]] = [[]]
    for cell in notebook.cells:
        if "task" in cell.metadata:
            groups.append([])
        groups[-1].append(cell)
    lab = Lab(
        name=_name(path),
        introduction=tuple(_cell(path.name, cell) for cell in groups[0]),
        tasks=tuple(_task(path.name, number, group) for number, group in enumerate(groups[1:], start=1)),
        **head,
    )
    if not lab.tasks:
        raise CompendiumError(f'{path.name}: no task; one begins with a line +++ {{"task": ...}}')
    if (minutes := sum(task.minutes for task in lab.tasks)) != lab.minutes:
        raise CompendiumError(f"{path.name}: its tasks take {minutes} minutes, at its head are {lab.minutes}")
    _named_once(lab)
    _answered(lab)
    return lab


def _named_once(lab: Lab) -> None:
    """Raise CompendiumError where the name of a check is given to something else in the check module."""
    own = [*(task.check for task in lab.tasks), *_with_role(lab.introduction, "check")]
    given = [*FOR_CHECKS, *(name for text in own for name in bound(text))]
    for task in lab.tasks:
        if given.count(task.name) > 1:
            raise CompendiumError(
                f"{lab.name}.md, task {task.number}: the name of its check, {task.name}, has another meaning "
                "in the lab's checks; choose another one"
            )


def _answered(lab: Lab) -> None:
    """Raise CompendiumError for an answer that a check asks for and no task up to it defines."""
    known = {name for cell in lab.introduction for name in cell.bound}
    for task in lab.tasks:
        known |= task.bound
        for name in task.answers:
            if name not in known:
                raise CompendiumError(
                    f"{lab.name}.md, task {task.number}: its check asks for {name}, which no solution up to "
                    "there defines"
                )


def _task(file: str, number: int, cells: list[nbformat.NotebookNode]) -> Task:
    where = f"{file}, task {number}"
    given = cells[0].metadata["task"]
    if not isinstance(given, dict):
        raise CompendiumError(f"{where}: task: {given!r} is no set of keys ({', '.join(TASK_KEYS)})")
    if given.get("kind") not in KINDS:
        raise CompendiumError(f"{where}: {unknown('kind of task', given.get('kind'), KINDS)}")
    _have(where, given, TASK_KEYS | (EXPLAIN_KEYS if given["kind"] == "explain" else {}))
    task = Task(number=number, cells=tuple(_cell(where, cell) for cell in cells), **given)
    if task.kind == "explain" and not task.answer.isidentifier():
        raise CompendiumError(f"{where}: answer: {task.answer!r} is not the name of a variable")
    for role in ("rubric", "solution") if task.kind == "explain" else ("solution",):
        if not task.having(role):
            raise CompendiumError(f"{where}: no cell with the role {role}")
    _checkable(where, task)
    try:
        for text in task.solutions:
            stub(text, phrases.ENGLISH)
    except CompendiumError as fault:
        raise CompendiumError(f"{where}: {fault}") from None
    return task


def _checkable(where: str, task: Task) -> None:
    """Raise CompendiumError where a check is no function of answers, or its points are not the task's."""
    match ast.parse(task.check).body:
        case [*_, ast.FunctionDef(args=ast.arguments([], [_, *_], None, [], [], None, []))]:
            pass
        case _:
            raise CompendiumError(
                f"{where}: its check must end with a function of the answers, as def double(image): ..."
            )
    try:
        parts = task.parts
    except (ValueError, KeyError):
        raise CompendiumError(f"{where}: the name and the points of a part are written out") from None
    names = [name for name, _ in parts]
    for name in names:
        if names.count(name) > 1:
            raise CompendiumError(f'{where}: two parts of its check are called "{name}"')
    if parts and sum(points for _, points in parts) != task.points:
        listed = " + ".join(f"{points:g}" for _, points in parts)
        raise CompendiumError(f"{where}: its parts have {listed} points, the task {task.points:g}")


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
    if code:
        try:
            compile(cell.source, "<cell>", "exec")
        except SyntaxError as fault:
            raise CompendiumError(
                f"{where}: {role or 'code'}, line {fault.lineno}: {fault.msg}: {(fault.text or '').strip()}"
            ) from None
    else:
        _enclosed(where, cell.source)
    return Cell(cell.source, code, role, hint, metadata)


def _enclosed(where: str, text: str) -> None:
    """Raise CompendiumError for a picture in a file: students and grader get the notebook without it."""
    for block in MarkdownIt().parse(text):
        for piece in (block, *(block.children or ())):
            shown = [str(piece.attrs["src"])] if piece.type == "image" else []
            if piece.type in {"html_block", "html_inline"}:
                shown = re.findall(
                    r"<img\b[^>]*?\bsrc\s*=\s*[\"']?([^\"'\s>]+)", piece.content, re.IGNORECASE
                )
            for source in shown:
                if not source.startswith(("data:", "https:", "http:")):
                    raise CompendiumError(
                        f"{where}: the picture {source} would not be in the students' zip; draw it in a "
                        "cell, or write it out as data:image/png;base64,..."
                    )


def _with_role(cells: Collection[Cell], role: str) -> list[str]:
    return [cell.text for cell in cells if cell.role == role]


def _have(
    where: str,
    given: Mapping[str, object],
    keys: Mapping[str, str],
    optional: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Raise CompendiumError for a key that is missing or unknown, or whose value is of another kind."""
    known = {**keys, **optional}
    for key in keys:
        if key not in given:
            raise CompendiumError(f"{where}: no {key}")
    for key, value in given.items():
        if key not in known:
            raise CompendiumError(f"{where}: {unknown('key', key, known)}")
        if not _is(value, known[key]):
            raise CompendiumError(f"{where}: {key}: {value!r} is not {known[key]}")


def _is(value: object, kind: str) -> bool:
    match value:
        case bool():
            return False
        case int():
            return kind in {WHOLE, NUMBER} and value > 0
        case float():
            return kind == NUMBER and value > 0
        case str():
            return kind == TEXT
        case list():
            return kind == LIST and all(isinstance(one, str) for one in value)
    return False
