"""An extension of Sphinx: the menus on top of each page, with what can be taken away and where it runs."""

from pathlib import Path

from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.config import Config

from compendium import project
from compendium.site import citation, printed, takeaway

_LABS, _RERUN = "book/labs/", "book/how-to-rerun"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; Sphinx calls this."""
    app.connect("config-inited", _drop_launchers)
    app.connect("html-page-context", _add_menu, priority=502)  # the theme fills the header at 501
    app.connect("html-page-context", _mend_launchers, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _drop_launchers(app: Sphinx, config: Config) -> None:
    """Offer Binder and Colab only where the book knows its repository, from which they load a notebook."""
    if not config.html_theme_options.get("repository_url"):
        for launcher in ("binderhub_url", "colab_url"):
            config.html_theme_options.get("launch_buttons", {}).pop(launcher, None)


def _mend_launchers(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: document | None
) -> None:
    """Say what Colab lacks, and offer no lab there: its checks are only in its zip file."""
    groups = context.get("header_buttons", [])
    for launchers in [group for group in groups if group.get("label") == "launch-buttons"]:
        if pagename.startswith(_LABS):
            groups.remove(launchers)
        elif _RERUN in app.env.found_docs:
            address = f"{context['pathto'](_RERUN)}#in-binder-or-colab"
            button = {"type": "link", "text": "What Colab needs first", "url": address}
            launchers["buttons"].append(button | {"label": "launch-first"})


def _add_menu(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: document | None) -> None:
    if doctree is None:  # the index, the search page
        return
    folder, name = Path(app.srcdir, "book", takeaway.FOLDER), Path(pagename).name
    here = f"{context['pathto'](takeaway.FOLDER, 1)}/"
    links = []
    if (executed := context.get("sourcename", "")).endswith(".ipynb"):
        links.append(("Executed notebook", f"{context['pathto']('_sources', 1)}/{executed}"))
    if (folder / f"{name}.ipynb").exists():
        links.append(("Notebook without outputs", f"{here}{name}.ipynb"))
    for record in sorted(folder.glob(f"{name}.*.json")):
        profile = record.name.split(".")[1]
        links.append((f"Record of the {profile} run", f"{here}{record.name}"))
    if (cite := citation.PAGE.removesuffix(".md")) in app.env.found_docs:
        entry = f"#cite-{name}" if name in project.chapters() else ""
        links.append(("Cite this page", context["pathto"](cite) + entry))
    if folder.is_dir():  # `compendium book` makes these of the finished pages
        links.append(("Whole book, to read offline", here + Path(takeaway.ARCHIVE).name))
        if printed.browser():
            links.append(("Whole book as PDF", here + Path(printed.PDF).name))
    buttons = [{"type": "link", "text": text, "url": url, "label": "take-away"} for text, url in links]
    buttons.append({"type": "javascript", "text": "Print this page", "javascript": "window.print()"})
    group = {"type": "group", "tooltip": "Take away", "icon": "fas fa-download", "buttons": buttons}
    context["header_buttons"].append(group | {"label": "take-away-buttons"})
