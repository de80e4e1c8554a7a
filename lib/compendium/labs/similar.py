"""Answers that are the same but for names, comments and layout: a hint to look, and no more than that."""

import ast
from collections.abc import Iterable, Mapping

from compendium.labs.code import stub
from compendium.labs.source import Lab, Task
from compendium.labs.table import Record

SMALLEST = 40
"""How many nodes of a syntax tree an answer has at least, to be compared: short ones are often the same."""

Group = tuple[Lab, Task, tuple[Record, ...]]
"""A task, and the submissions whose code for it is the same."""


def groups(records: Iterable[Record]) -> list[Group]:
    """Return the groups of two or more submissions with the same code for a task, the largest first.

    What was handed out is no answer, so it makes no group.
    """
    found: dict[tuple[str, int, str], list[Record]] = {}
    labs: dict[str, Lab] = {}
    for record in records:
        if lab := record.grade.lab:
            labs[lab.name] = lab
            for task in lab.tasks:
                code = normal(record.code.get(str(task.number), ""))
                if code and code != normal(_stubs(lab, task)):
                    found.setdefault((lab.name, task.number, code), []).append(record)
    same = [
        (labs[name], labs[name].task(number), tuple(members))
        for (name, number, _), members in found.items()
        if len(members) > 1
    ]
    return sorted(same, key=lambda group: (-len(group[2]), group[0].number, group[1].number))


def normal(code: str) -> str:
    """Return code without comments, docstrings, layout and the names that it gives itself.

    "" for code that cannot be parsed, or has fewer than `SMALLEST` nodes.
    """
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if sum(1 for _ in ast.walk(tree)) < SMALLEST:
        return ""
    own = {
        **{node.id: None for node in ast.walk(tree) if isinstance(node, ast.Name) and _stored(node)},
        **{node.arg: None for node in ast.walk(tree) if isinstance(node, ast.arg)},
    }
    try:
        return ast.dump(_Plain(own).visit(tree))
    except RecursionError:
        return ""


def _stubs(lab: Lab, task: Task) -> str:
    return "\n\n".join(stub(text, lab.language) for text in task.solutions)


class _Plain(ast.NodeTransformer):
    """Gives own names numbers, in the order in which they come, and drops docstrings."""

    def __init__(self, own: Mapping[str, None]) -> None:
        self._own, self._numbers = own, {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._number(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._number(node.arg))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def _number(self, name: str) -> str:
        return f"name {self._numbers.setdefault(name, len(self._numbers))}" if name in self._own else name


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
