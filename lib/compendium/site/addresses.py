"""The book's public address, from one setting: `html: baseurl` in `_config.yml`, with a slash at its end.

A Sphinx extension. Where an address is set, pages name their own (Sphinx does so), cards of shared
links show a picture, and there is a sitemap. The page for what is not found needs the address' path, for it
is shown anywhere.
"""

from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import escape

from sphinx.application import Sphinx
from sphinx.config import Config

LEFT_OUT = {"404", "genindex", "search", "index"}  # `index` is the first page once more
NOT_FOUND = {
    "title": "Page not found",
    "body": "<h1>Page not found</h1>\n<p>There is no page at this address. The contents beside this text, "
    "or the search, may have what you look for.</p>",
}


def sitemap(base: str, names: list[str]) -> str:
    """Return a sitemap of the pages with these names, as XML."""
    entries = "".join(f"<url><loc>{escape(urljoin(base, f'{name}.html'))}</loc></url>\n" for name in names)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n'
    )


def _spread(_: Sphinx, config: Config) -> None:
    """Give the address to the extensions that ask for it under names of their own."""
    config.ogp_site_name = config.html_title
    config.ogp_site_url = config.html_baseurl
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path or "/"
    config.notfound_context = NOT_FOUND
    if not config.html_baseurl:
        config.ogp_image = None  # a card shows pictures with a full address only


def _write_sitemap(app: Sphinx, fault: Exception | None) -> None:
    if fault is None and app.builder.format == "html" and app.config.html_baseurl:
        names = sorted(set(app.env.found_docs) - LEFT_OUT)
        Path(app.outdir, "sitemap.xml").write_text(sitemap(app.config.html_baseurl, names), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.setup_extension("sphinxext.opengraph")
    app.setup_extension("notfound.extension")
    app.connect("config-inited", _spread)
    app.connect("build-finished", _write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
