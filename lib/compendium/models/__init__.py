"""One module per paper's network, and `fused`, which rewrites a network into a faster one."""

from compendium.models.cae import cae
from compendium.models.lab import lab_baseline, lab_tunable

__all__ = ["cae", "lab_baseline", "lab_tunable"]
