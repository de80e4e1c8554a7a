"""One look for all figures of the book, and what a page needs to respond to a pointer over each of them."""

from compendium.plots.architecture import architecture
from compendium.plots.described import pictured
from compendium.plots.grid import image_grid
from compendium.plots.style import Look, decimal_ticks, embedded, looks, one_legend, show_decades, use_style

__all__ = [
    "Look",
    "architecture",
    "decimal_ticks",
    "embedded",
    "image_grid",
    "looks",
    "one_legend",
    "pictured",
    "show_decades",
    "use_style",
]
