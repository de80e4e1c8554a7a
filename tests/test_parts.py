"""Parts of the chapters, which a run can do without: what is left must not need them."""

import dis

import nbformat
import pytest

from compendium import chapters, claims, project


def names(source):
    """Names that a cell binds, and those that it needs from before: read first, or in its functions."""
    code = compile(source, "cell", "exec")
    bound, needed = set(), set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif step.opname == "LOAD_NAME" and step.argval not in bound:
            needed.add(step.argval)
    waiting = list(code.co_consts)
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, type(code)):
            waiting += inner.co_consts
            steps = dis.get_instructions(inner)
            globals_read = {s.argval for s in steps if s.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
            needed |= globals_read - bound
    return bound, needed


def cells(chapter):
    for cell in nbformat.read(project.chapter_path(chapter), 4).cells:
        if cell.cell_type == "code":
            yield chapters.part_of(cell.metadata.get("tags", [])), *names(cell.source)


@pytest.mark.parametrize("chapter", project.chapters())
def test_no_cell_needs_a_part_that_it_does_not_belong_to(chapter):
    own, of_parts, needed = set(), {}, []
    for part, bound, used in cells(chapter):
        for name in sorted(used):
            if name in of_parts and name not in own and of_parts[name] != part:
                needed.append((part, name, of_parts[name]))
        if part is None:
            own |= bound
        else:
            of_parts |= dict.fromkeys(bound, part)
    assert needed == []


@pytest.mark.parametrize("chapter", project.chapters())
def test_each_chapter_has_parts_and_its_record_belongs_to_none(chapter):
    of_all = {"pictures", "architecture"} if chapter in claims.papers() else {"pictures"}
    assert of_all <= {*chapters.named(chapter).parts}
    notebook = nbformat.read(project.chapter_path(chapter), 4)
    (record,) = [cell for cell in notebook.cells if "results.write(" in cell.source]
    assert chapters.part_of(record.metadata["tags"]) is None
