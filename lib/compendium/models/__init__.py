"""One module per network; `masked` tells one which pixels are altered, `fused` makes one faster."""

from compendium.models.cae import cae
from compendium.models.classifier import classifier
from compendium.models.dae import dae
from compendium.models.dncnn import dncnn
from compendium.models.hourglass import hourglass
from compendium.models.lab import lab_baseline, lab_tunable
from compendium.models.mean_image import mean_image_autoencoder, separator
from compendium.models.partial import partial_unet
from compendium.models.unet import unet
from compendium.models.vae import vae

__all__ = [
    "cae",
    "classifier",
    "dae",
    "dncnn",
    "hourglass",
    "lab_baseline",
    "lab_tunable",
    "mean_image_autoencoder",
    "partial_unet",
    "separator",
    "unet",
    "vae",
]
