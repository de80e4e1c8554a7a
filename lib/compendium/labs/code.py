"""What code says without being run: the names that it gives and needs, and the stub of a solution."""

import ast
import symtable
from collections.abc import Iterator

from compendium import phrases
from compendium.errors import CompendiumError


def bound(text: str) -> set[str]:
    """Return the names that code has given to something when it has run."""
    table = symtable.symtable(text, "<cell>", "exec")
    return {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}


def used(text: str) -> set[str]:
    """Return the names that code reads from outside its functions, also those that it has bound itself."""
    return {
        one.get_name()
        for table in _tables(symtable.symtable(text, "<cell>", "exec"))
        for one in table.get_symbols()
        if one.is_referenced() and (table.get_type() == "module" or one.is_global())
    }


def stub(text: str, language: str) -> str:
    """Return what stands in place of a solution: heads of functions with docstrings, and open answers.

    Raises CompendiumError for code that is neither a function with a docstring on lines of its own, an
    assignment to one name, nor an import.
    """
    lines, pieces = text.splitlines(), []
    for node in ast.parse(text).body:
        match node:
            case ast.Import() | ast.ImportFrom():
                pieces.append(ast.unparse(node))
            case ast.Assign(targets=[ast.Name(id=name)]):
                pieces.append(f"{name} = ...")
            case ast.FunctionDef(name=name) if ast.get_docstring(node) and node.body[0].lineno > node.lineno:
                head = "\n".join(lines[node.lineno - 1 : node.body[0].end_lineno])
                said = phrases.say(language, "not_written", name=name)
                pieces.append(f'\n{head}\n    raise NotImplementedError("{said}")\n')
            case _:
                raise CompendiumError(
                    f"solution, line {node.lineno}: only imports, assignments to a name, and functions "
                    "with a docstring on lines of its own have a stub"
                )
    return "\n".join(pieces).strip()


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)
