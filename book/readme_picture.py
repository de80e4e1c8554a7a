"""Make README's picture: photographs under salt-and-pepper noise, each restored by linear interpolation."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from compendium import baselines, data, noise, plots

PICTURE = Path(__file__).parent / "_static" / "readme.png"
PHOTOS = [71, 112, 158, 159]  # of the test set: a cat's eye, a coffee cup, a pavilion, a dahlia


def draw() -> Figure:
    """Return the picture: a row a photograph; the original, then noise and restoration at three levels."""
    photos = data.load("photos", "test").images[PHOTOS] / 255
    columns = {"original": photos}
    for percent in (30, 60, 90):
        noisy, _ = noise.salt_pepper(photos, fraction=percent / 100, seed=0)
        columns |= {f"{percent} %\nnoise": noisy, f"{percent} %\nrestored": baselines.linear(noisy)}
    plots.use_style()
    plt.rcParams["font.family"] = "DejaVu Sans"  # Matplotlib brings it: the same picture on every machine
    return plots.image_grid(np.stack(list(columns.values()), axis=1), column_titles=list(columns))


if __name__ == "__main__":
    draw().savefig(PICTURE)
