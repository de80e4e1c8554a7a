r"""Formulas as MathML, made when the book is compiled: a browser shows them without any script.

A Sphinx extension that adds the math renderer `mathml`. latex2mathml turns LaTeX into MathML; what it does
not know of the LaTeX written here, or spaces badly, is put right before (`_PLAINER`) and after (`_space`).
"""

import re
from xml.etree import ElementTree

import latex2mathml.converter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

_LOGGER = logging.getLogger(__name__)
_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_PLAINER = (
    (r"\\math(bb|cal) ?([A-Za-z])", r"\\math\1{\2}"),
    (r"\\mathrm\{(\w)\}", r"\\mathrm \1"),
    (r"\\operatorname\{(\w+)\\,(\w+)\}", r"\\mathrm{\1}\\\2 "),
    (r"\\[bB]igg?[lr]?(\\[lr]?Vert)", r"\1"),
)
_THIN = "0.167em"
_RELATION = "0.278em"
_LIMITS = {"max", "min"}
_SCRIPTS = {"msub", "msup", "msubsup", "munder"}
_NO_SPACE = {"mo", "mspace", "mtext"}
_BRACKETS = {"(", "[", ")", "]", ","}
_ENDS = {")", "]", "|", "‖"}
_ACCENTS = {"¯", "^", "~", "˜", "ˆ"}


def mathml(latex: str, *, block: bool = False) -> str:
    """Return a formula as a `<math>` element, with its LaTeX in the attribute `alttext`.

    Raises:
        ValueError: a command in it is not known.
    """
    text = latex.strip()
    for pattern, plainer in _PLAINER:
        text = re.sub(pattern, plainer, text)
    ElementTree.register_namespace("", _NAMESPACE)
    display = "block" if block else "inline"
    root = ElementTree.fromstring(latex2mathml.converter.convert(text, display=display))
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_NAMESPACE}}}")
    for element in root.iter():
        if "\\" in (element.text or ""):
            raise ValueError(f"{element.text} is not known in the formula {latex.strip()}")
        _join_letters(element)
    for element in root.iter():
        _space(element, block=block)
    root.set("alttext", latex.strip())
    return ElementTree.tostring(root, encoding="unicode")


def _join_letters(row: ElementTree.Element) -> None:
    """Make one word of upright letters in a row, as `mathrm` gives them: a word is upright by itself."""
    joined: list[ElementTree.Element] = []
    for child in row:
        upright = child.tag == "mi" and child.get("mathvariant") == "normal"
        if upright and joined and joined[-1].get("mathvariant") == "normal":
            joined[-1].text += child.text
        else:
            joined.append(child)
    row[:] = joined
    for child in row:
        if child.tag == "mi" and len(child.text or "") > 1:
            child.attrib.pop("mathvariant", None)


def _space(row: ElementTree.Element, *, block: bool) -> None:
    """Give a row TeX's spaces: thin ones around names of functions, but none before a bracket or a stop."""
    if row.tag in _SCRIPTS:
        for child in row:
            _mend_sign(child, None)
        return
    children = list(row)
    spaced: list[ElementTree.Element] = []
    for number, child in enumerate(children):
        name = child[0] if child.tag in _SCRIPTS else child
        before = children[number - 1] if number else None
        following = children[number + 1] if number + 1 < len(children) else None
        _mend_sign(child, before)
        if name.tag == "mo" and name.text in {"|", "‖"}:
            name.attrib.update(lspace="0", rspace="0")
            name.attrib.setdefault("stretchy", "false")  # else only the opening one grows
        if not _is_function(name):
            spaced.append(child)
            if (
                child.tag == "mfrac"
                and following is not None
                and (following.tag != "mo" or following.text in "([")
            ):
                spaced.append(ElementTree.Element("mspace", width=_THIN))
            continue
        name.tag = "mo"
        name.attrib.update(lspace="0", rspace="0")
        if block and child.tag == "msub" and name.text in _LIMITS:
            child.tag = "munder"
        if before is not None and before.tag not in _NO_SPACE:
            spaced.append(ElementTree.Element("mspace", width=_THIN))
        spaced.append(child)
        if following is not None and following.text not in _BRACKETS:
            spaced.append(ElementTree.Element("mspace", width=_THIN))
    row[:] = spaced


def _mend_sign(child: ElementTree.Element, before: ElementTree.Element | None) -> None:
    """Space a sign as what it is: a relation, an operator, a sign before a number, an accent."""
    match child.text:
        case ":":
            child.tag = "mo"
            child.attrib.update(lspace=_RELATION, rspace=_RELATION)
        case "±" | "~" if child.tag == "mi":
            child.tag, child.text = "mo", child.text.replace("~", "∼")
        case "." if child.tag == "mo":
            child.attrib.update(lspace="0", rspace="0")
        case "…":
            child.tag = "mi"
        case "−" if before is not None and before.tag == "mo" and before.text not in _ENDS:
            child.set("form", "prefix")
    if child.tag == "mover" and child[-1].text in _ACCENTS:
        child.set("accent", "true")
        child[-1].set("stretchy", "false")


def _is_function(element: ElementTree.Element) -> bool:
    """Whether an element is an upright name: log, max, Var, the operator E; a word such as MSE is a value."""
    text = element.text or ""
    if element.tag == "mo":
        return text.isalpha() and text.isascii()
    return element.tag == "mi" and len(text) > 1 and text.isalpha() and text.isascii() and text.islower()


def _visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_converted(node, block=False))
    raise nodes.SkipNode


def _visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(_converted(node, block=True) + "</div>\n")
    raise nodes.SkipNode


def _converted(node: nodes.Element, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except Exception as fault:  # latex2mathml has many; -W makes a fault of the book of the warning
        _LOGGER.warning("formula: %s", fault, location=node)
        return f"<code>{node.astext()}</code>"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the math renderer `mathml` to Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
