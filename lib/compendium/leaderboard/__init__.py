"""Methods of denoising under one protocol: tasks, methods, what is measured of them, and one's own method."""
