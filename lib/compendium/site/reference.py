"""The page of what can be imported: read from the source of the package, which is not run.

A module shows the names in its `__all__`, or all that are public; each is described by its docstring. What
Sphinx's domain of Python makes of it can be found, indexed and linked to: {py:func}`compendium.metrics.ssim`.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path

from compendium import project

PAGE = "book/library.md"

# What a script may want, from the images to the last comparison
MODULES = (
    "data",
    "noise",
    "metrics",
    "baselines",
    "models",
    "training",
    "statistics",
    "anatomy",
    "latent",
    "synthesis",
    "plots",
    "results",
    "own",
)

_INTRODUCTION = """\
# The library

What the chapters share is a package, `compendium`, which a script or a notebook of your own can import as
well: {ref}`in-a-program` has an example. Here it is, module by module, in the words of its source.
"""

_END = """
## Next steps

- {doc}`your-own-experiment` puts images, networks and denoisers of yours into a chapter.
- {doc}`metrics` explains what the metrics measure, and {doc}`noise-models` what the noise does.
"""

_SECTIONS = {"Args:": "Arguments", "Returns:": "Returns", "Raises:": "Raises"}
_ITEM = re.compile(r"(\S.*?): (.+)")
_CODE = re.compile(r"(`+[^`]+`+)")
_SPECIAL = re.compile(r"[\\$*<>|]")


def page() -> str:
    """Return the page, in Markdown."""
    parts = [_INTRODUCTION]
    for name in MODULES:
        path = _path(project.PACKAGE, name)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = _public(path, tree)
        links = {one: f"compendium.{name}.{one}" for one in found}
        parts.append(f"\n(module-{name})=\n## `{name}`\n\n{_prose(ast.get_docstring(tree) or '', links)}\n")
        parts += [_entry(f"compendium.{name}", one, node, text, links) for one, (node, text) in found.items()]
    return "".join([*parts, _END])


def _path(folder: Path, name: str) -> Path:
    file = folder / f"{name}.py"
    return file if file.exists() else folder / name / "__init__.py"


def _public(path: Path, tree: ast.Module) -> dict[str, tuple[ast.AST, str]]:
    """Return what a module exports: by name, the statement and the docstring; without those that lack one."""
    defined = _defined(tree)
    exported = [n for n in defined if not n.startswith("_")]
    if "__all__" in defined:
        exported = ast.literal_eval(defined["__all__"][0].value)
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and any(one.name in exported for one in statement.names):
            file = _path(project.PACKAGE, statement.module.removeprefix("compendium.").replace(".", "/"))
            elsewhere = _defined(ast.parse(file.read_text(encoding="utf-8")))
            defined |= {one.name: elsewhere[one.name] for one in statement.names if one.name in elsewhere}
    return {name: defined[name] for name in exported if name in defined and defined[name][1]}


def _defined(tree: ast.Module) -> dict[str, tuple[ast.AST, str]]:
    """Return the functions, classes and constants of a module, each with its docstring or ""."""
    found = {}
    for statement, following in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = statement, ast.get_docstring(statement) or ""
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = statement, cleandoc(text)
                    case _:
                        found[name] = statement, ""
    return found


def _entry(module: str, name: str, node: ast.AST, text: str, links: Mapping[str, str]) -> str:
    match node:
        case ast.FunctionDef():
            kind, signature, inner = "function", f"{name}{_signature(node)}", ""
        case ast.ClassDef():
            fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
            taken = ", ".join(ast.unparse(one) for one in fields)
            inner = "".join(_method(one, links) for one in _methods(node))
            kind, signature = "class", f"{name}({taken})" if fields else name
        case _:
            kind, signature, inner = "data", name, ""
    body = f"{_prose(text, links)}\n{inner}"
    return f"\n`````{{py:{kind}}} {module}.{signature}\n\n{body}`````\n"


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and not one.name.startswith("_") and ast.get_docstring(one):
            yield one


def _method(node: ast.FunctionDef, links: Mapping[str, str]) -> str:
    is_property = any(ast.unparse(one) == "property" for one in node.decorator_list)
    kind, signature = ("property", "") if is_property else ("method", _signature(node))
    return f"\n````{{py:{kind}}} {node.name}{signature}\n\n{_prose(ast.get_docstring(node), links)}\n````\n"


def _signature(node: ast.FunctionDef) -> str:
    arguments = node.args
    if arguments.args and arguments.args[0].arg == "self":
        arguments = ast.arguments(**{**vars(arguments), "args": arguments.args[1:]})
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(arguments)}){returned}"


def _prose(docstring: str, links: Mapping[str, str]) -> str:
    """Return a docstring in Markdown: its sections as lists, its names linked."""
    blocks = re.split(r"^(Args:|Returns:|Raises:)\n", docstring, flags=re.M)
    parts = [_text(blocks[0], links)]
    for head, content in zip(blocks[1::2], blocks[2::2], strict=True):
        indented = re.match(r"(?:(?: .*)?\n|(?: .*)$)*", content)[0]
        parts.append(f"**{_SECTIONS[head]}**\n\n{_items(cleandoc(indented), links)}")
        parts.append(_text(content[len(indented) :], links))
    return "\n\n".join(part for part in map(str.strip, parts) if part)


def _items(text: str, links: Mapping[str, str]) -> str:
    """Return the items of a section as a list of definitions, or the text where there are none."""
    lines = [" ".join(one.split()) for one in re.split(r"\n(?! )", text)]
    if not all(_ITEM.fullmatch(line) for line in lines):
        return _text(text, links)
    items = [_ITEM.fullmatch(line).groups() for line in lines]
    return "\n\n".join(f"`{name}`\n: {_text(meaning, links)}" for name, meaning in items)


def _text(text: str, links: Mapping[str, str]) -> str:
    """Return plain text with code in backticks as Markdown; what is described on the page is linked."""

    def written(part: str) -> str:
        if not part.startswith("`"):
            return _SPECIAL.sub(r"\\\g<0>", part)
        name = part.strip("`")
        return f"{{py:obj}}`{name} <{links[name]}>`" if name in links else part

    return "".join(written(part) for part in _CODE.split(text))
