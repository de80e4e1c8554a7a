"""Parameters of a chapter, and whether given values fit: read from its `parameters` cell, never run.

A line of that cell declares one parameter, and its comment, in this order, what it means, the values that it
takes, and anything else there is to say:

    epochs: int = 5  # passes over the training images, 1 or more; the paper's 500
    NAME: TYPE = DEFAULT  # MEANING, RANGE; NOTE

TYPE is int, float, bool, str, or list of one of them. RANGE, which holds for each item of a list, is one of

    1 or more               that number or a larger one
    above 0                 a larger number
    0 to 1                  a number between these, or one of them
    any number
    mse, mae or huber       one of these words or numbers; a colon may go before them in place of the comma,
                            and must after a MEANING of one word
    photos or folder:PATH   one of these words, or a folder of the user's own; its path is made absolute

It may be left out for a bool or a str. After it, a list may say more, in this order:

    , below test_images     each item is smaller than the value of that parameter
    , each once             no two items are equal
    , 2 at least            it has so many items, else one unless the default has none
    , 4 of them             it has exactly so many

MEANING and NOTE may be left out too. Where parameters limit each other in other ways, the code that uses them
says so.

A value is typed, in a command and in a file alike: 010 is ten, and 1e-3, .5 and 1_000 are numbers.
"""

import ast
import io
import json
import math
import os
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import yaml

from compendium.errors import UsageError, unknown

FOLDER = "folder:"  # before the path of a data set of the user's own

KINDS = {"int": int, "float": float, "bool": bool, "str": str}
TRUTH = {**dict.fromkeys(("true", "yes", "on"), True), **dict.fromkeys(("false", "no", "off"), False)}
SINGULAR = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
PLURAL = {int: "whole numbers", float: "numbers", bool: "true or false", str: "texts"}

_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_OF_LISTS = r"(?:, below (\w+))?(, each once)?(?:, (\d+) at least|, (\d+) of them)?"
_WORD = r"[\w.+-]+(?::PATH)?"
_RANGES = [
    rf"(?P<minimum>{_NUMBER}) or more",
    rf"above (?P<above>{_NUMBER})",
    rf"(?P<low>{_NUMBER}) to (?P<high>{_NUMBER})",
    r"(?P<any>any number)",
    rf"(?P<choices>{_WORD}(?:, {_WORD})* or {_WORD})",
]


class _Texts(yaml.SafeLoader):
    """YAML with texts alone for `Parameter.value` to read; of itself it takes 010 for 8 and 1:30 for 90."""

    yaml_implicit_resolvers: ClassVar = {}


@dataclass(frozen=True)
class Parameter:
    """A declared parameter.

    type: as written, such as "int" or "list[float]". default: a value of that type. limits: the RANGE as
    written, "" for none. An item lies in [low, high], or in (low, high] where `open`; if there are `choices`
    it is one of them. below: of a list, the parameter that each item is smaller than, "" for none. once:
    whether no two of its items may be equal. fewest, most: how many items it may have.
    """

    name: str
    type: str
    default: Any
    meaning: str = ""
    note: str = ""
    limits: str = ""
    low: float = -math.inf
    high: float = math.inf
    open: bool = False
    choices: tuple[Any, ...] = ()
    below: str = ""
    once: bool = False
    fewest: float = 0
    most: float = math.inf

    @property
    def is_list(self) -> bool:
        """Whether a value is a list of items."""
        return self.type.startswith("list[")

    @property
    def kind(self) -> type:
        """The type of a value, or of an item of a list."""
        return KINDS[self.type.removeprefix("list[").removesuffix("]")]

    def value(self, given: object) -> Any:
        """Return a given value, or its text, as this parameter's type; one item will do for a list.

        Raises UsageError where it is of another type, out of range or not among the choices, and for a list
        of too few or too many items, or with equal ones where none may be.
        """
        if not self.is_list:
            return self._item(given)
        items = [self._item(item) for item in self._items(given)]
        if not self.fewest <= len(items) <= self.most or (self.once and len(set(items)) < len(items)):
            raise self._misfit(given)
        return items

    def fits(self, values: Mapping[str, Any]) -> bool:
        """Return whether its own of the values, by name, fits the others."""
        return not self.below or max(values[self.name], default=-1) < values[self.below]

    def fitted(self, values: Mapping[str, Any], usual: Any) -> Any:
        """Return its own of the values, which does not fit the others, without the items that are too large.

        If too few are left, it has the smallest that there can be. Raises UsageError where the value is not
        the `usual` one, for then somebody asked for it.
        """
        value, limit = values[self.name], values[self.below]
        fit = [item for item in value if item < limit]
        fit = fit if len(fit) >= self.fewest else [*range(min(len(value), limit))]
        if value == usual:
            return fit
        limits = self.limits.replace(self.below, f"{self.below} = {limit}")
        raise self._misfit(as_typed(value), limits, fit)

    def _items(self, given: object) -> list[object]:
        if not isinstance(given, str):
            return list(given) if isinstance(given, list | tuple) else [given]
        if not given.strip().startswith("["):
            return [item.strip() for item in given.split(",")] if given.strip() else []
        try:
            return yaml.load(given, _Texts)
        except yaml.YAMLError:
            raise self._misfit(given) from None

    def _item(self, given: object) -> Any:
        try:
            item = _typed(self.kind, given)
        except (ValueError, OverflowError):
            raise self._misfit(given) from None
        if f"{FOLDER}PATH" in self.choices and item.startswith(FOLDER) and item != FOLDER:
            return FOLDER + os.path.abspath(os.path.expanduser(item.removeprefix(FOLDER)))
        if self.choices and item not in self.choices:
            raise unknown(f"value of {self.name}", one_line(given), map(str, self.choices))
        if self.kind in (int, float) and not (
            self.low <= item <= self.high and not (self.open and item == self.low)
        ):
            raise self._misfit(given)
        return item

    def _misfit(self, given: object, limits: str = "", example: object = None) -> UsageError:
        expected = (PLURAL if self.is_list else SINGULAR)[self.kind]
        limits = ", ".join(filter(None, (expected, limits or self.limits))).removesuffix(", any number")
        example = as_typed(self.default if example is None else example)
        return UsageError(
            f'{self.name} = "{one_line(given)}": expected {limits}; for example {self.name}={example}'
        )


def declared(source: str) -> dict[str, Parameter]:
    """Return the parameters that the source of a `parameters` cell declares, in its order.

    Raises UsageError, ValueError or SyntaxError for a line that declares none as this module describes.
    """
    comments = _comments(source)
    found = [_parameter(line, comments.get(line.end_lineno, "")) for line in ast.parse(source).body]
    return {parameter.name: parameter for parameter in found}


def filled(source: str, values: Mapping[str, object]) -> str:
    """Return the source of a `parameters` cell with these values, by name, where they are not its own."""
    own = declared(source)
    lines = source.encode().splitlines(keepends=True)
    for line in reversed(ast.parse(source).body):
        name, old = line.target.id, line.value
        value = values.get(name, own[name].default)
        if value != own[name].default:
            first, last = old.lineno - 1, old.end_lineno - 1
            before, after = lines[first][: old.col_offset], lines[last][old.end_col_offset :]
            written = str(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
            lines[first : last + 1] = [before + written.encode() + after]
    return b"".join(lines).decode()


def from_file(path: Path) -> dict[str, object]:
    """Return names and values, texts or lists of them, from a YAML or JSON file, for `check` to read.

    Raises UsageError where the file cannot be read or is not a mapping of names to values.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Texts)
    except (OSError, UnicodeError) as fault:
        reason = getattr(fault, "strerror", None) or "not text"
        raise UsageError(f"{path}: cannot be read ({reason}); name a YAML or JSON file") from None
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise UsageError(f"{path}: not plain YAML or JSON{where}; write lines such as epochs: 20") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: no names and values in it; write lines such as epochs: 20")
    return {str(name): value for name, value in content.items()}


def as_typed(value: object) -> str:
    """Return a parameter's value as it may be typed in a command: a list with commas, `true` or `false`."""
    if isinstance(value, list):
        return ",".join(map(as_typed, value)) or "[]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _comments(source: str) -> dict[int, str]:
    """Return the comments by their lines' numbers."""
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }


def _parameter(line: ast.stmt, comment: str) -> Parameter:
    """Read one line; raises ValueError, with what to write, or UsageError for a default that does not fit."""
    if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value):
        raise ValueError(f"line {line.lineno}: write NAME: TYPE = DEFAULT  # MEANING, RANGE; NOTE")
    name, kind = line.target.id, ast.unparse(line.annotation)
    if not re.fullmatch(f"({'|'.join(KINDS)})|list\\[({'|'.join(KINDS)})\\]", kind):
        raise ValueError(f"{name}: {kind}; write int, float, bool, str, or list[...] of one of them")
    try:
        default = ast.literal_eval(line.value)
    except ValueError:
        value = ast.unparse(line.value)
        raise ValueError(f"{name} = {value}; write a plain value, such as 3, 'text' or [0.3, 0.6]") from None
    parameter = _described(Parameter(name, kind, default), comment)
    return replace(parameter, default=parameter.value(default))


def _described(parameter: Parameter, comment: str) -> Parameter:
    """Add what the comment says: meaning, limits and note."""
    statement, _, note = comment.partition("; ")
    parameter = replace(parameter, note=note)
    if not parameter.is_list:
        return _ranged(parameter, statement)
    items, below, once, fewest, count = re.fullmatch(rf"(.*?){_OF_LISTS}", statement).groups()
    ranged = _ranged(parameter, items)
    return replace(
        ranged,
        limits=f"{ranged.limits}{statement.removeprefix(items)}".removeprefix(", "),
        below=below or "",
        once=bool(once),
        fewest=int(count or fewest or bool(parameter.default)),
        most=int(count) if count else math.inf,
    )


def _ranged(parameter: Parameter, statement: str) -> Parameter:
    """Add meaning and range of a value, or of an item of a list."""
    for limits in _RANGES:
        match = re.fullmatch(rf"(?:(?P<meaning>.*?)(?:, |: ))??(?P<limits>{limits})", statement)
        if match and ("choices" in match.groupdict() or parameter.kind in (int, float)):
            found = match.groupdict()
            break
    else:
        return replace(parameter, meaning=statement)
    numbers = {name: float(found[name]) for name in ("minimum", "above", "low", "high") if name in found}
    words = re.split(", | or ", found["choices"]) if "choices" in found else []
    return replace(
        parameter,
        meaning=found["meaning"] or "",
        limits=found["limits"],
        low=numbers.get("minimum", numbers.get("above", numbers.get("low", -math.inf))),
        high=numbers.get("high", math.inf),
        open="above" in numbers,
        choices=tuple(_typed(parameter.kind, word) for word in words),
    )


def _typed(kind: type, given: object) -> Any:
    """Return a value, or its text, as `kind`; raises ValueError or OverflowError where it is none."""
    if kind is str and isinstance(given, str):
        return given
    if kind is bool and (isinstance(given, bool) or str(given).lower() in TRUTH):
        return TRUTH[str(given).lower()]
    if kind in (str, bool) or isinstance(given, bool) or not isinstance(given, Real | str):
        raise ValueError
    number = _number(given) if isinstance(given, str) else given
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise ValueError
    return kind(number)


def _number(text: str) -> int | float:
    try:
        return int(text)  # exact, where a float would round a long seed
    except ValueError:
        return float(text)


def one_line(given: object) -> str:
    """Return what was given on one line, sixty characters at most, for a message."""
    text = " ".join(str(given).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
