"""What each step over a page's elements needs."""

from bs4 import Tag


def add_class(element: Tag, name: str) -> None:
    """Give an element one more class, behind those it has."""
    element["class"] = [*element.get("class", []), name]
