import io
import re
import runpy
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]


def test_the_picture_is_what_its_script_draws():
    script = runpy.run_path(str(ROOT / "book" / "readme_picture.py"))
    drawn = io.BytesIO()
    script["draw"]().savefig(drawn)
    here, committed = (
        np.asarray(Image.open(file).convert("RGB"), float) for file in (drawn, script["PICTURE"])
    )
    assert here.shape == committed.shape
    # of 255; other noise gives more than 20
    assert np.abs(here - committed).mean() < 1


def test_every_local_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / link).is_file()]
