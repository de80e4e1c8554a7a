"""What a student installs: the wheel holds what the package reads, and works where no checkout is."""

import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from compendium import claims, project
from compendium.errors import CompendiumError
from compendium.labs import package

# What a lab does with the package, in few lines.
USE = """
import compendium, keras
from compendium import baselines, claims, data, doctor, latent, metrics, models, noise, plots, statistics
from compendium import synthesis, training
from compendium.images import as_float

clean = as_float(data.load("digits", "test").images[:64])
corrupt = lambda images, seed: noise.salt_pepper(images, fraction=0.3, seed=seed)[0]
noisy = corrupt(clean, 0)
assert metrics.psnr(clean, baselines.linear(noisy)).mean() > metrics.psnr(clean, noisy).mean()
curves = training.fit(
    models.lab_baseline(), clean, corrupt, validation=(noisy, clean), epochs=2, batch_size=16,
    optimizer=keras.optimizers.Adam(), seed=0,
)
assert curves["loss"].iloc[-1] < curves["loss"].iloc[0]
assert len(claims.load()) > 200
reference = data.load("photos", "test").images[:2] / 255
image = (reference + 0.1 * reference[::-1]).clip(0, 1)
from skimage.metrics import structural_similarity
ours = metrics.ssim(reference, image), metrics.ssim(reference, image, definition="wang")
theirs = [structural_similarity(*pair, data_range=1, channel_axis=-1) for pair in zip(reference, image)]
assert abs(ours[0] - theirs).max() < 1e-9 and (ours[1] < 1).all()
assert (metrics.total_entropy(reference) > 1).all()
print(compendium.__file__)
"""

# What the labs' lock lacks cannot be imported.
WITHOUT = """
import sys

class Lacking:
    def find_spec(name, path=None, target=None):
        if name in {absent!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Lacking)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return package.wheel(tmp_path_factory.mktemp("wheel") / "made")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run Python, from elsewhere, with what the wheel holds; the folder is .../lib/python/site-packages."""
    folder = tmp_path_factory.mktemp("student") / "lib" / "python" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    locked = {Requirement(line).name for line in package.requirements(wheel).splitlines()[:-1]}
    absent = {
        module
        for module, holders in metadata.packages_distributions().items()
        if not {"compendium", *locked} & {*map(canonicalize_name, holders)}
    }
    assert {"dask", "numba", "papermill", "sphinx", "tensorboard"} <= absent
    (folder / "sitecustomize.py").write_text(WITHOUT.format(absent=absent), encoding="utf-8")
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert not [*elsewhere.iterdir()]
        assert [*folder.parent.iterdir()] == [folder]
        return done

    run.folder = folder
    return run


def test_the_wheel_holds_every_file_of_the_package_and_none_of_the_checkout_beside_it(wheel):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "compendium"],
        cwd=project.ROOT / "lib",
        capture_output=True,
        encoding="utf-8",
    )
    there = {*listed.stdout.split()} or {
        path.relative_to(project.ROOT / "lib").as_posix()
        for path in project.PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == there
    assert {f"compendium/claims/{name}.yml" for name in claims.papers()} <= held


def test_the_same_files_give_the_same_bytes_and_the_folder_of_work_stays(wheel, tmp_path):
    before = Path.cwd()
    again = package.wheel(tmp_path)
    assert Path.cwd() == before
    assert again == tmp_path / wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_a_build_that_fails_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'compendium'\n", encoding="utf-8")
    monkeypatch.setattr(project, "ROOT", tmp_path)
    with pytest.raises(
        CompendiumError, match=r"^the wheel cannot be built \(.+\); type: python -m pip install .+$"
    ):
        package.wheel(tmp_path / "out")


def test_requirements_are_the_lock_of_the_labs_and_the_wheel(wheel):
    *pins, ours = package.requirements(wheel).splitlines()
    assert ours == f"./{wheel.name}"
    assert pins == (project.ROOT / "labs" / "requirements.lock").read_text(encoding="utf-8").splitlines()


def test_the_page_for_students_names_the_wheel_that_is_built(wheel):
    page = (project.ROOT / "book" / "for-students.md").read_text(encoding="utf-8")
    assert {*re.findall(r"compendium-[\w.-]+\.whl", page)} == {wheel.name}


def test_a_student_without_a_checkout_has_data_noise_metrics_baselines_networks_and_training(installed):
    used = installed("-c", USE)
    assert used.returncode == 0, used.stderr
    assert Path(used.stdout.strip()) == installed.folder / "compendium" / "__init__.py"


@pytest.mark.parametrize(
    "command",
    [
        "book",
        "run tuning",
        "sweep tuning",
        "params tuning",
        "compare a b",
        "claims",
        "open tuning",
        "test",
        "lab build",
        "lab grade .",
    ],
)
def test_a_command_that_needs_a_checkout_says_so_in_one_line(command, installed):
    refused = installed("-m", "compendium", *command.split())
    assert refused.returncode == 1
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith("compendium: this command needs a checkout of the compendium, and ")


@pytest.mark.parametrize("command", ["--help", "run --help", "data list"])
def test_a_command_that_needs_none_works_without_a_checkout(command, installed):
    done = installed("-m", "compendium", *command.split())
    assert (done.returncode, done.stderr) == (0, "")
