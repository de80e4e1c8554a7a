"""One module per paper's network, and `fused`, which rewrites a network into a faster one."""

from compendium.models.cae import cae
from compendium.models.classifier import classifier
from compendium.models.dae import dae
from compendium.models.lab import lab_baseline, lab_tunable
from compendium.models.mean_image import mean_image_autoencoder, separator
from compendium.models.vae import vae

__all__ = [
    "cae",
    "classifier",
    "dae",
    "lab_baseline",
    "lab_tunable",
    "mean_image_autoencoder",
    "separator",
    "vae",
]
