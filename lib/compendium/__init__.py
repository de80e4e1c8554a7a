"""The Denoising Compendium: code shared by its chapters."""

import os

# TensorFlow reads this once, when it is first imported: errors only, no notices on the page.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
