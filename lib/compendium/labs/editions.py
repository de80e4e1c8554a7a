"""What is handed out of a lab: student notebook, solution notebook, instructor's notes, and a zip."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import nbclient
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from compendium import phrases, project
from compendium.errors import CompendiumError
from compendium.files import write_atomically
from compendium.labs import source
from compendium.labs.code import stub
from compendium.labs.source import Cell, Lab, Task

GOES_ON = "raises-exception"
"""The tag of cells whose errors do not stop Jupyter's Run All."""

MINUTES_FOR_A_RUN = 10
EPOCH = (1980, 1, 1, 0, 0, 0)  # of the files in a zip: equal contents give equal bytes


def student(lab: Lab, expected: Mapping[str, str]) -> NotebookNode:
    """Return what students get: stubs in place of solutions, and what the finished code prints.

    `expected` is what `outputs` gives; without it the notebook lacks the outputs beside the tasks.
    """
    cells = []
    for task in lab.tasks:
        cells += _begin(lab, task)
        for position, cell in enumerate(task.cells):
            match cell.role:
                case "solution" if cell.code:
                    cells.append(_code(stub(cell.text, lab.language)))
                case "expected":
                    cells.append(_code(cell.text))
                    if printed := expected.get(f"{task.number}.{position}"):
                        cells.append(_prose(f"{lab.say('expected')}\n\n```text\n{printed}\n```"))
                case "hint":
                    cells.append(_folded(lab.say("hint"), cell.text))
                case "" | "given":
                    cells.append(_same(cell))
        if task.kind == "explain":
            cells.append(_code(f"{task.answer} = ..."))
        cells.append(_check(task))
    for cell in cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = [GOES_ON]
    return _notebook(lab, [*_head(lab, solved=False), *cells, *_end(lab)])


def given_code(lab: Lab) -> list[str]:
    """Return the cells of code that students get."""
    return [cell.source for cell in student(lab, {}).cells if cell.cell_type == "code"]


def page(lab: Lab, expected: Mapping[str, str], address: str) -> NotebookNode:
    """Return the page of a lab in the book: the students' notebook, and where its zip can be downloaded."""
    notebook = student(lab, expected)
    belongs = f"It belongs to the chapter {{doc}}`../../notebooks/{lab.chapter}`. " if lab.chapter else ""
    notebook.cells[0].source += (
        f'\n\n<a href="{address}" download>Download the lab</a>: the notebook, its checks and what has to be '
        f"installed, in one zip file; {{doc}}`../for-students` says what to do with it. {belongs}"
        "The cells are not run on this page."
    )
    notebook.cells.append(new_markdown_cell(_next_steps(lab), id="next-steps"))
    return notebook


def _next_steps(lab: Lab) -> str:
    """The end of a lab's page: its chapter, the next lab, and where the terms are."""
    steps = []
    if lab.chapter:
        steps.append(
            f"{{doc}}`The chapter <../../notebooks/{lab.chapter}>` does the same at the paper's scale."
        )
    others = [other for other in map(source.load, source.names()) if other.number > lab.number]
    if others:
        following = others[0]
        steps.append(
            f"{{doc}}`Lab {following.number}, {following.title} <{following.name}>`, is the next one."
        )
    else:
        steps.append("{doc}`Six findings <../stories>` tells what became of the papers' claims.")
    steps.append("{doc}`The glossary <../glossary>` has the terms.")
    return "\n".join(["## Next steps\n", *(f"- {step}" for step in steps)])


def solution(lab: Lab) -> NotebookNode:
    """Return the lab done: solutions in place of stubs, and why. It is not executed."""
    cells = _head(lab, solved=True)
    for task in lab.tasks:
        cells += _begin(lab, task)
        for cell in task.cells:
            if cell.role in {"", "expected", "given"} or (cell.role == "solution" and cell.code):
                cells.append(_same(cell, with_metadata=True))
            elif cell.role == "solution":
                cells.append(_prose(f"**{lab.say('solution')}** {cell.text}"))
        if task.kind == "explain":
            given = f"{task.answer} = {_quoted(task.model_answer)}"
            cells.append(_code(given, {"tags": ["remove-cell"]}))  # the text stands above, in prose
        cells.append(_check(task))
    return _notebook(lab, [*cells, *_end(lab)])


def execute(lab: Lab) -> NotebookNode:
    """Run the solution where there is nothing but the check module; return it with its outputs.

    Raises CompendiumError where a cell fails.
    """
    notebook = solution(lab)
    try:
        with TemporaryDirectory() as folder:
            Path(folder, f"{check_name(lab)}.py").write_text(lab.check_module, encoding="utf-8")
            nbclient.NotebookClient(
                notebook,
                timeout=60 * MINUTES_FOR_A_RUN,
                extra_arguments=["--log-level=CRITICAL"],  # of the kernel, which warns of TCP at every start
                resources={"metadata": {"path": folder}},
            ).execute()
    except nbclient.exceptions.CellExecutionError as fault:
        raise CompendiumError(
            f"{lab.name}: a cell of its solution failed: {fault.ename}: {fault.evalue}"
        ) from None
    except nbclient.exceptions.CellTimeoutError:
        raise CompendiumError(
            f"{lab.name}: a cell of its solution took longer than {MINUTES_FOR_A_RUN} minutes"
        ) from None
    examination = _examination(lab)
    next(cell for cell in notebook.cells if cell.source == examination).outputs = []  # of one computer only
    return notebook


def outputs(lab: Lab, executed: NotebookNode) -> dict[str, str]:
    """Return what the cells with the role `expected` print, by "task.position", from an executed solution."""
    printed = {
        cell.source: "".join(output.get("text", "") for output in cell.outputs).rstrip()
        for cell in executed.cells
        if cell.cell_type == "code"
    }
    return {
        f"{task.number}.{position}": printed[cell.text]
        for task in lab.tasks
        for position, cell in enumerate(task.cells)
        if cell.role == "expected"
    }


def recorded_outputs(lab: Lab) -> dict[str, str]:
    """Return what `record_outputs` kept; empty if nothing is."""
    path = _record(lab)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record_outputs(lab: Lab, expected: Mapping[str, str]) -> None:
    """Keep what the solution prints, so that pages are made without running it."""
    write_atomically(_record(lab), json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def instructor(lab: Lab) -> str:
    """Return the instructor's notes, a page of Markdown: times, points, rubrics, anticipated mistakes."""
    parts = [
        f"# {lab.say('notes', number=lab.number, title=lab.title)}",
        _facts(lab),
        "\n".join(
            [
                lab.say("notes_heads"),
                "|---|---|---|---|",
                *(
                    f"| {one.number}. {one.title} | {_kind(lab, one)} | {one.minutes} | {one.points:g} |"
                    for one in lab.tasks
                ),
            ]
        ),
        *(cell.text for cell in lab.introduction if cell.role == "instructor"),
    ]
    for task in lab.tasks:
        notes = task.having("instructor")
        if task.rubric:
            points = lab.say("rubric_points", points=f"{task.points:g}")
            notes.append(f"**{lab.say('rubric')}** ({points})\n\n{task.rubric}")
        if task.wrong:
            listed = (
                f"```python\n{cell.text}\n```\n\n{lab.say('mistake_hint', hint=cell.hint)}"
                for cell in task.wrong
            )
            notes.append(f"**{lab.say('mistakes')}**\n\n" + "\n\n".join(listed))
        if notes:
            parts += [_heading(lab, task), *notes]
    return "\n\n".join(parts) + "\n"


def zipped(lab: Lab, expected: Mapping[str, str], target: Path, *, wheel: Path, requirements: str) -> None:
    """Write all that a student needs to a zip file: notebook, checks, the package's wheel, requirements."""
    texts = {
        f"{lab.name}.ipynb": nbformat.writes(student(lab, expected)),
        f"{check_name(lab)}.py": lab.check_module,
        "requirements.txt": requirements,
        "README.md": lab.say("readme", number=lab.number, title=lab.title, notebook=f"{lab.name}.ipynb"),
    }
    contents = {name: text.encode() for name, text in texts.items()} | {wheel.name: wheel.read_bytes()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(f"{lab.name}/{name}", EPOCH), content, zipfile.ZIP_DEFLATED)
    write_atomically(target, made.getvalue())


def write(lab: Lab, folder: Path, *, wheel: Path, requirements: str) -> dict[str, str]:
    """Run a lab's solution and write all editions to a folder; return what its expected outputs are.

    For students NAME.zip, with the notebook and `check_NAME.py`, which also lie beside it; for instructors
    NAME-solution.ipynb, executed, and NAME-instructor.md.
    """
    executed = execute(lab)
    expected = outputs(lab, executed)
    write_atomically(folder / f"{check_name(lab)}.py", lab.check_module)
    write_atomically(folder / f"{lab.name}.ipynb", nbformat.writes(student(lab, expected)))
    write_atomically(folder / f"{lab.name}-solution.ipynb", nbformat.writes(executed))
    write_atomically(folder / f"{lab.name}-instructor.md", instructor(lab))
    zipped(lab, expected, folder / f"{lab.name}.zip", wheel=wheel, requirements=requirements)
    return expected


def check_name(lab: Lab) -> str:
    """Return the name of a lab's check module."""
    return f"check_{lab.name}"


def _notebook(lab: Lab, cells: Iterable[NotebookNode]) -> NotebookNode:
    cells = list(cells)
    for number, cell in enumerate(cells):
        cell["id"] = f"{lab.name}-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def _head(lab: Lab, solved: bool) -> list[NotebookNode]:
    goals = "\n".join(f"- {one}" for one in lab.objectives)
    needed = "\n".join(f"- {one}" for one in lab.prerequisites)
    title = lab.say("solution_title" if solved else "title", number=lab.number, title=lab.title)
    return [
        _prose(f"# {title}\n\n{_facts(lab)}"),
        _prose(f"{lab.say('goals')}\n\n{goals}\n\n{lab.say('needed')}\n\n{needed}"),
        _prose(lab.say("ready")),
        _code(_examination(lab)),
        _prose(lab.say("checks")),
        _code(f"import {check_name(lab)} as check"),
        *(_same(cell, with_metadata=solved) for cell in lab.introduction if cell.role == ""),
    ]


def _end(lab: Lab) -> list[NotebookNode]:
    return [
        _prose(lab.say("hand_in", notebook=f"{lab.name}.ipynb")),
        _code("from compendium.labs.checking import summary\n\nsummary(check)"),
    ]


def _facts(lab: Lab) -> str:
    return lab.say("facts", minutes=lab.minutes, tasks=len(lab.tasks), points=f"{lab.points:g}")


def _begin(lab: Lab, task: Task) -> list[NotebookNode]:
    """The head of a task; where it begins with code that is given, the words that say so."""
    facts = lab.say("task_facts", kind=_kind(lab, task), minutes=task.minutes, points=f"{task.points:g}")
    head = _prose(f"{_heading(lab, task)}\n\n*{facts}*")
    return [head, _prose(lab.say("given"))] if task.cells[0].role == "given" else [head]


def _heading(lab: Lab, task: Task) -> str:
    return f"## {lab.say('task')} {task.number}: {task.title}"


def _kind(lab: Lab, task: Task) -> str:
    return lab.say(f"kind_{task.kind}")


def _examination(lab: Lab) -> str:
    """The cell in which the doctor looks at the student's computer."""
    language = "" if lab.language == phrases.ENGLISH else f'"{lab.language}"'
    return f"from compendium import doctor\n\ndoctor.report({language})"


def _check(task: Task) -> NotebookNode:
    return _code(f"check.{task.name}({', '.join(task.answers)})")


def _same(cell: Cell, with_metadata: bool = False) -> NotebookNode:
    """Return the cell itself; captions of figures only where there are figures, in the solution."""
    return _code(cell.text, cell.metadata if with_metadata else {}) if cell.code else _prose(cell.text)


def _folded(summary: str, text: str) -> NotebookNode:
    return _prose(f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>")


def _quoted(text: str) -> str:
    return '"""' + text.replace("\\", "\\\\").replace('"""', "'''") + '"""'


def _prose(text: str) -> NotebookNode:
    return new_markdown_cell(text)


def _code(text: str, metadata: Mapping[str, object] | None = None) -> NotebookNode:
    return new_code_cell(text, metadata=dict(metadata or {}))


def _record(lab: Lab) -> Path:
    return project.RESULTS / "labs" / f"{lab.name}.json"
