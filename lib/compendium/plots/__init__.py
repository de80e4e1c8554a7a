"""One look for every figure of the book, and for each figure what a page needs to answer a pointer."""

from compendium.plots.architecture import architecture
from compendium.plots.described import pictured
from compendium.plots.grid import image_grid
from compendium.plots.style import decimal_ticks, embedded, one_legend, use_style

__all__ = ["architecture", "decimal_ticks", "embedded", "image_grid", "one_legend", "pictured", "use_style"]
