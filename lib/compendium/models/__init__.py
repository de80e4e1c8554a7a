"""One module per paper's network, and `fused`, which rewrites a network into a faster one."""

from compendium.models.cae import cae

__all__ = ["cae"]
