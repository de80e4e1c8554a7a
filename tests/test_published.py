import errno
from dataclasses import replace

import keras
import nbformat
import numpy as np
import pandas as pd
import pytest
from tiny_notebooks import write_notebook
from tiny_runs import CELLS, PARAMETERS, book_of_one_chapter, finish, run_in

from compendium import files, project, published, results, training
from compendium.errors import CompendiumError, UsageError


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    book_of_one_chapter(tmp_path, monkeypatch)


def train(folder, *, epochs=2):
    """A training that prints nothing and leaves a checkpoint; returns network and curve."""
    images = np.random.default_rng(0).random((8, 4, 4, 1), np.float32)
    training.set_seed(1)
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 3, padding="same")])
    options = {"validation": (images, images), "epochs": epochs, "batch_size": 4, "seed": 1}
    optimizer = keras.optimizers.Adam(0.01)
    curve = training.fit(
        network,
        images,
        lambda images, seed: images,
        optimizer=optimizer,
        checkpoint=folder / "small.npz",
        **options,
    )
    return network, curve


def test_a_run_is_published_whole_and_in_place_of_another_only_when_asked(tmp_path):
    finish(tmp_path / "one")
    published.publish(tmp_path / "one")
    old = tmp_path / "results" / "chapter" / "cpu"
    (old / "of-an-earlier-run.weights.h5").write_bytes(b"old")
    finish(tmp_path / "two")
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    with pytest.raises(UsageError, match=r"holds the run of commit \S+; .* add --replace"):
        published.publish(tmp_path / "two")
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    _, replaced = published.publish(tmp_path / "two", replace=True)
    assert replaced["chapter"] == "chapter"
    assert not (old / "of-an-earlier-run.weights.h5").exists()
    assert [path.name for path in old.parent.iterdir()] == ["cpu"]


@pytest.mark.parametrize("cut", ["new.rename", "old.rename"])
def test_publishing_that_is_cut_off_loses_neither_run(tmp_path, monkeypatch, cut):
    finish(tmp_path / "one")
    published.publish(tmp_path / "one")
    finish(tmp_path / "two")
    renamed = type(tmp_path).rename

    def rename(path, target):
        if path.name == {"new.rename": ".cpu.new", "old.rename": "cpu"}[cut]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return renamed(path, target)

    monkeypatch.setattr(type(tmp_path), "rename", rename)
    with pytest.raises(CompendiumError, match="No space left"):
        published.publish(tmp_path / "two", replace=True)
    monkeypatch.undo()
    target = tmp_path / "results" / "chapter" / "cpu"
    files.exchange(target, {"record.json": b"{}"})
    assert [path.name for path in target.parent.iterdir()] == ["cpu"]


COLLAPSED = pd.DataFrame([{"method": "CAE", "level": "30 %", "outcome": "collapsed"}])


@pytest.mark.parametrize(
    ("given", "record", "obstacle"),
    [
        ({"epochs": 1}, {}, "epochs = 1 is not the profile's 4; leave out -p epochs"),
        ({"profile": "by hand"}, {}, "run under the profile by hand; publish one of quick, cpu"),
        ({}, {"parts": {"codes": "left out"}}, "the part codes: left out; a published run is whole"),
        ({}, {"outcomes": COLLAPSED}, "CAE at 30 % collapsed; only a run whose networks learnt is published"),
    ],
)
def test_what_is_not_the_profiles_own_whole_and_successful_run_is_not_published(
    tmp_path, given, record, obstacle
):
    folder = tmp_path / "run"
    profile = given.pop("profile", "cpu")
    run = replace(run_in(folder, "cpu", **given), profile=profile)
    finish(folder, run, outcomes=record.get("outcomes"))
    if "parts" in record:
        results.complete(folder, [], [], record["parts"])
    with pytest.raises(UsageError) as error:
        published.publish(folder)
    assert str(error.value) == f"{folder}: {obstacle}"
    assert not (tmp_path / "results").exists()


def test_an_unfinished_run_is_not_published(tmp_path):
    with pytest.raises(CompendiumError, match="no finished run; name the folder of one"):
        published.publish(tmp_path)
    finish(tmp_path / "run")
    (tmp_path / "run" / "chapter.ipynb").unlink()
    with pytest.raises(CompendiumError, match="no finished run"):
        published.publish(tmp_path / "run")


def test_what_is_published_is_what_an_evaluation_needs_and_no_more(tmp_path):
    finish(tmp_path / "run")
    network, curve = train(tmp_path / "run")
    target, _ = published.publish(tmp_path / "run")
    assert {path.name for path in target.iterdir()} == {
        *("cae.weights.h5", "chapter.ipynb", "metrics.csv", "part-1.json", "record.json", "run.json"),
        "small.npz",
    }
    with np.load(target / "small.npz") as kept:
        assert kept.files == ["description", "variable_0", "variable_1"]  # kernel and bias

    # another run takes it over, and its training is done already
    other = tmp_path / "other"
    published.take_over(target, other)
    assert {path.name for path in other.iterdir()} == {"part-1.json", "small.npz"}
    again, same_curve = train(other)
    pd.testing.assert_frame_equal(same_curve, curve)
    for one, two in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    # a longer one begins anew, as the optimizer's state was not kept, and ends as any other
    longer, curve = train(other, epochs=4)
    fresh, _ = train(tmp_path / "fresh", epochs=4)
    assert len(curve) == 4
    for one, two in zip(longer.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_a_run_has_already_is_not_taken_over(tmp_path):
    finish(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "part-1.json").write_text("mine", encoding="utf-8")
    published.take_over(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two" / "part-1.json").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "two" / "record.json").exists()
    with pytest.raises(UsageError, match="no run in it; name the folder of one"):
        published.take_over(tmp_path / "notebooks", tmp_path / "two")


def chapter(*cells, parameters=PARAMETERS):
    return write_notebook(project.NOTEBOOKS / "chapter.ipynb", *cells, parameters=parameters)


def test_the_page_has_todays_prose_and_the_published_outputs(tmp_path):
    finish(tmp_path / "run")
    target, _ = published.publish(tmp_path / "run")
    notebook = nbformat.read(chapter(*CELLS, parameters=PARAMETERS.replace("passes", "epochs")), 4)
    notebook.cells[0].source = "# Another title"
    nbformat.write(notebook, project.NOTEBOOKS / "chapter.ipynb")
    page = published.page(project.NOTEBOOKS / "chapter.ipynb", target / "chapter.ipynb")
    assert [cell.source for cell in page.cells] == [
        "# Another title",
        "epochs: int = 4  # epochs, 1 or more\nfractions: list[float] = [0.3]  # shares, 0 to 1",
        *CELLS,
    ]
    assert page.cells[-1].outputs[0].text == "4\n"
    assert page.cells[-1].execution_count == 3  # without the cell that papermill added


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (("x = 2", CELLS[1]), "x = 2"),
        ((*CELLS, "y = 1"), "y = 1"),
        (CELLS[:1], "print(epochs * x)"),
    ],
)
def test_a_page_of_other_code_is_refused_with_what_to_type(tmp_path, cells, named):
    finish(tmp_path / "run")
    target, _ = published.publish(tmp_path / "run")
    with pytest.raises(CompendiumError) as fault:
        published.page(chapter(*cells), target / "chapter.ipynb")
    assert str(fault.value) == (
        f"chapter.ipynb: the cell of code `{named}` is not as it was run in results/chapter/cpu; run it anew "
        "with `compendium run chapter --profile cpu --from results/chapter/cpu`, "
        "then `compendium publish --replace` and the run's folder"
    )


def test_a_notebook_has_the_outputs_of_its_checked_cells_alone(tmp_path):
    path = chapter(*CELLS)
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].metadata["tags"] = [published.CHECKED]
    notebook.cells[1].execution_count = 9
    nbformat.write(notebook, path)
    finish(tmp_path / "run")
    published.publish(tmp_path / "run")
    kept = nbformat.read(path, 4)
    assert [cell.execution_count for cell in kept.cells[1:]] == [None, None, 3]
    assert [len(cell.outputs) for cell in kept.cells[1:]] == [0, 0, 1]
    assert [cell.source for cell in kept.cells] == [cell.source for cell in notebook.cells]


def test_a_run_of_other_code_is_not_published(tmp_path):
    finish(tmp_path / "run")
    path = chapter("x = 2", CELLS[1])
    with pytest.raises(CompendiumError, match=r"the cell of code `x = 2` is not as it was run in .*--from"):
        published.publish(tmp_path / "run")
    assert not (tmp_path / "results").exists()
    assert nbformat.read(path, 4).cells[2].source == "x = 2"
