"""What a sweep is asked for, where it keeps it, and what it says of it; no run is started here."""

import json
import re
import subprocess
import sys
from functools import partial

import pandas as pd
import pytest
import site_pages
from bs4 import BeautifulSoup
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st
from tiny_notebooks import write_notebook

from compendium import chapters, parameters, project, runs
from compendium.errors import CompendiumError, UsageError
from compendium.statistics import mean_interval
from compendium.sweep import cluster, grid, report, table
from compendium.sweep import folder as state
from compendium.sweep.folder import Sweep

PARAMETERS = """\
depth: int = 1  # layers, 1 or more
rate: float = 0.1  # step, above 0
levels: list[float] = [0.5]  # of noise, 0 to 1
activation: str = "relu"  # of the last layer: relu or linear
redraw: bool = True  # new noise every epoch
level: int = 3  # of detail, any number
seed: int = 0  # of all, any number"""


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """A checkout of one small chapter, to be looked at and not run."""
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(project, "RESULTS", tmp_path / "results")
    (tmp_path / "profiles.yml").write_text("quick: {}\ncpu: {small: {depth: 2}}\n")
    return write_notebook(tmp_path / "small.ipynb", "pass", parameters=PARAMETERS)


@pytest.fixture
def call(call):
    return partial(call, "sweep")


def read(chapter, **texts):
    return grid.read("small", chapters.read(chapter).parameters, texts)


# --- which points there are


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("depth", "1,3,5", [1, 3, 5]),
        ("seed", "0..4", [0, 1, 2, 3, 4]),
        ("seed", "-1..1, 7", [-1, 0, 1, 7]),
        ("rate", "1e-3,0.5", [0.001, 0.5]),
        ("levels", "0.3,0.6", [[0.3], [0.6]]),
        ("levels", "[0.1,0.2];[0.3]", [[0.1, 0.2], [0.3]]),
        ("activation", "relu,linear", ["relu", "linear"]),
        ("redraw", "true,false", [True, False]),
    ],
)
def test_each_form_of_values(chapter, name, text, values):
    assert read(chapter, **{name: text}) == {name: values}


def test_points_multiply_and_are_named_for_a_reader(chapter):
    points = grid.points(read(chapter, depth="1,3", levels="[0.1,0.2];[0.3]"))
    assert [point.name for point in points] == [
        "1_depth=1_levels=0.1,0.2",
        "2_depth=1_levels=0.3",
        "3_depth=3_levels=0.1,0.2",
        "4_depth=3_levels=0.3",
    ]
    assert points[2].values == {"depth": 3, "levels": [0.1, 0.2]}


@given(
    st.dictionaries(
        st.text(max_size=200), st.lists(st.text(max_size=200), min_size=1, max_size=4), max_size=3
    )
)
def test_no_two_points_share_a_folder_and_no_name_leads_out_of_it(grid_of_texts):
    names = [point.name for point in grid.points(grid_of_texts)]
    assert len({name.casefold() for name in names}) == len(names)
    assert not [name for name in names if re.search(r"[/\\:\0\s]", name) or len(name.encode()) > 255]


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_a_value_written_for_the_command_line_is_read_as_the_same(value):
    parameter = parameters.Parameter("p", type(value).__name__, value)
    assert parameter.value(grid.text(value)) == value
    several = parameters.Parameter("p", f"list[{type(value).__name__}]", [value])
    assert several.value(grid.text([value, value])) == [value, value]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "-g", "seed=1"], 'no chapter "nonsense"; did you mean "small"?'),
        (["small"], "no grid; give -g NAME=VALUES once or more, for example -g seed=0..4"),
        (["small", "-g", "seed"], '-g "seed": expected NAME=VALUE, for example -g seed=0..4'),
        (["small", "-g", "sed=1"], 'no parameter of small "sed"; did you mean "seed"?'),
        (["small", "-g", "seed=1", "-g", "seed=2"], "-g seed: given twice"),
        (["small", "-g", "seed=1", "-p", "seed=2"], "seed: given with -g and with -p"),
        (["small", "-g", "seed=1,x"], 'seed = "x": expected a whole number'),
        (["small", "-g", "depth=0..2"], 'depth = "0": expected a whole number, 1 or more'),
        (["small", "-g", "rate=0..2"], 'rate = "0..2": expected a number'),
        (["small", "-g", "seed=4..0"], "-g seed: no number in 4..0; write the lower one first"),
        (["small", "-g", "seed=1,,2"], "-g seed: a value is missing"),
        (["small", "-g", "seed=1,2,1"], "-g seed: 1 is there 2 times"),
        (["small", "-g", "activation=relu,elu"], 'no value of activation "elu"; did you mean "relu"?'),
        (["small", "-g", "levels=[0.1;[0.3]"], "levels = "),
        (["small", "-g", "seed=0..999999999999"], "-g: 1,000,000,000,000 points; a sweep has at most 10,000"),
        (
            ["small", "-g", "seed=0..999", "-g", "depth=1..11"],
            "-g: 11,000 points; a sweep has at most 10,000",
        ),
        (["small", "-g", "level=1,2"], "-g level: the table of results has a column of that name"),
        (["small", "-g", "seed=1", "-p", "depth=0"], 'depth = "0": expected a whole number, 1 or more'),
        (["small", "-g", "seed=1", "--profile", "cqu"], 'no profile "cqu"; did you mean "cpu"?'),
        (
            ["small", "-g", "seed=1", "--workers", 2, "--scheduler", "tcp://h:1"],
            "--workers is for this machine",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(call, chapter, arguments, message):
    status, printed, complaint = call(*arguments)
    assert (status, printed) == (2, "")
    assert complaint.startswith(f"compendium: {message}")
    assert complaint.count("\n") == 1
    assert not project.RUNS.exists()


QUICK = """
import sys
from compendium import cli
sys.argv = ["compendium", "sweep", "salt-pepper-cae", "-g", "epoch=1,2"]
try:
    cli.main()
except SystemExit as end:
    slow = {"tensorflow", "keras", "distributed", "matplotlib", "papermill", "pandas"}
    print(end.code, slow & {*sys.modules})
"""


def test_a_bad_grid_waits_for_nothing_slow():
    ended = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True)
    assert ended.stdout == "2 set()\n"


def test_no_scheduler_there_is_one_line_and_status_1(call, chapter, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    status, _, complaint = call("small", "-g", "seed=1", "--scheduler", "tcp://127.0.0.1:1")
    assert status == 1
    assert complaint.startswith("compendium: tcp://127.0.0.1:1: no Dask scheduler answers")
    assert complaint.count("\n") == 1


# --- what is done, and how long the rest takes


def finish(folder, metrics=(), seconds=60.0):
    folder.mkdir(parents=True)
    (folder / "small.ipynb").touch()
    record = {"chapter": "small", "parameters": {}, "metrics": list(metrics), "curves": []}
    (folder / runs.RECORD).write_text(json.dumps({**record, "wall_seconds": seconds}))


def test_a_worker_that_cannot_take_part_is_named_and_nothing_runs(chapter, tmp_path, monkeypatch):
    sweep, out = Sweep("small", "quick", {}, {"seed": [0]}), tmp_path / "here"
    points = grid.points(sweep.grid)
    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as client:
        with pytest.raises(CompendiumError, match=f"^the worker inproc:.* does not see {out}; name a shared"):
            next(cluster.run(client, sweep, points, out))
        assert not out.exists()

        state.claim(sweep, out)
        versions = iter(["here", "there"])
        monkeypatch.setattr(project, "library_hash", lambda: next(versions))
        with pytest.raises(CompendiumError, match=r"^the worker inproc:.* has another version of lib/"):
            next(cluster.run(client, sweep, points, out))
        assert not (out / "points").exists()


def test_what_is_no_address_is_one_line_and_status_2(call, chapter):
    status, _, complaint = call("small", "-g", "seed=1", "--scheduler", "HOST")
    assert (status, complaint.count("\n")) == (2, 1)
    assert complaint.startswith("compendium: --scheduler HOST: missing port number")


def test_dry_run_shows_the_points_and_the_time_and_leaves_nothing(call, chapter, tmp_path):
    arguments = ["small", "-g", "seed=0..4", "--workers", 2, "--dry-run"]
    names = [f"{n}_seed={n - 1}" for n in range(1, 6)]
    status, printed, _ = call(*arguments)
    assert status == 0
    assert printed.splitlines() == [*names, "5 points to run; no recorded run says how long one takes"]
    assert not project.RUNS.exists()

    finish(project.RESULTS / "small" / "quick", seconds=600.0)
    assert (
        call(*arguments)[1]
        .splitlines()[-1]
        .startswith(
            "5 points to run, 2 at once, 0:10:00 each as the recorded run under quick: about 0:30:00;"
        )
    )

    out = tmp_path / "mine"
    finish(out / "points" / names[1], seconds=60.0)
    finish(out / "points" / names[4], seconds=120.0)
    sweep = Sweep("small", "quick", {}, {"seed": [0, 1, 2, 3, 4]})
    (out / state.SWEEP).write_text(json.dumps(sweep.described()))
    lines = call(*arguments, "--out", out)[1].splitlines()
    assert lines[:-1] == [names[0], f"{names[1]}, done", names[2], names[3], f"{names[4]}, done"]
    assert lines[-1].startswith(
        "3 points to run, 2 at once, 0:01:30 each as 2 finished points: about 0:03:00;"
    )


def test_a_folder_holds_one_sweep(call, chapter, tmp_path):
    out = tmp_path / "mine"
    sweep = Sweep("small", "quick", {"depth": 2}, {"seed": [0, 1]})
    state.claim(sweep, out)
    state.claim(sweep, out)  # begun again
    others = [
        (Sweep("small", "quick", {"depth": 2}, {"seed": [0, 1, 2]}), "grid, key"),
        (Sweep("small", "quick", {"depth": 3}, {"seed": [0, 1]}), "parameters, key"),
        (Sweep("small", "cpu", {"depth": 2}, {"seed": [0, 1]}), "profile, key"),
    ]
    for other, difference in others:
        with pytest.raises(
            UsageError, match=rf"holds another sweep \(other {difference}\); name another folder"
        ):
            state.claim(other, out)
        assert other.folder() != sweep.folder()
    status, _, complaint = call("small", "-g", "seed=0..5", "-p", "depth=2", "--out", out)
    assert status == 2
    assert complaint.startswith(f"compendium: {out}: holds another sweep")
    write_notebook(chapter, "pass  # changed", parameters=PARAMETERS)
    with pytest.raises(UsageError, match=r"holds another sweep \(other key\)"):
        state.claim(sweep, out)


def test_a_folder_of_something_else_is_left_alone(call, chapter, tmp_path):
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "text.tex").touch()
    status, _, complaint = call("small", "-g", "seed=0..5", "--out", thesis)
    assert (status, complaint) == (
        2,
        f"compendium: {thesis}: there is something else in it; name another folder with --out\n",
    )
    assert [path.name for path in thesis.iterdir()] == ["text.tex"]


# --- the table and the page


@pytest.fixture
def swept(tmp_path):
    """A sweep over depth and three seeds, one point failed: the sweep, its points, failures and folder."""
    sweep = Sweep("small", "quick", {"rate": 0.5}, {"depth": [1, 3], "seed": [0, 1, 2]})
    points = grid.points(sweep.grid)
    for point in points[:-1]:
        number = {
            "quantity": "MSE",
            "method": "$net^$",
            "value": point.values["depth"] + point.values["seed"],
        }
        single = {"quantity": "MSE", "method": "net", "value": 99.0, "image": 4}
        share = {"quantity": "<i>share</i>", "method": "$x^$", "level": 0.3, "seed": 17, "value": None}
        finish(tmp_path / "points" / point.name, [number, single, share], seconds=3.0)
    return sweep, points, {points[-1].name: "small: cell 3 failed with <b>"}, tmp_path


def test_the_table_has_a_row_a_number_and_point(swept):
    _, points, failures, folder = swept
    built = table.build(*swept)
    assert list(built) == [
        *("point", "depth", "seed", "quantity", "method", "level", "seed_in_run", "image", "value"),
        *("seconds", "status", "message"),
    ]
    assert built["point"].tolist() == [*(p.name for p in points[:-1] for _ in range(3)), points[-1].name]
    first = built.iloc[2]
    assert first[["depth", "seed", "quantity", "level", "seed_in_run", "seconds", "status"]].tolist() == [
        *(1, 0, "<i>share</i>", "0.3", 17, 3.0, "done")
    ]
    assert pd.isna(first["value"])
    assert built.iloc[-1][["depth", "seed", "status", "message"]].tolist() == [
        *(3, 2, "failed", failures[points[-1].name])
    ]
    table.write(built, folder)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), built)
    plain = pd.read_csv(folder / "results.csv", dtype={"level": "str"})
    pd.testing.assert_frame_equal(plain, built, check_dtype=False)


def test_lists_are_items_where_each_has_one_and_texts_otherwise(tmp_path):
    for values, column in [([[0.1], [0.2]], [0.1, 0.2]), ([[0.1, 0.2], [0.3]], ["[0.1, 0.2]", "[0.3]"])]:
        sweep = Sweep("small", "quick", {}, {"levels": values})
        points = grid.points(sweep.grid)
        built = table.build(sweep, points, {point.name: "failed" for point in points}, tmp_path)
        assert built["levels"].tolist() == column
        table.write(built, tmp_path)


def test_the_page_shows_each_metric_over_each_swept_parameter(swept, monkeypatch):
    sweep, points, _, folder = swept
    drawn, errorbar = [], report.Axes.errorbar

    def recorded(axes, x, y, ends, **look):
        drawn.append([*map(list, (x, y, *ends))])
        return errorbar(axes, x, y, ends, **look)

    monkeypatch.setattr(report.Axes, "errorbar", recorded)
    page = report.write(sweep, table.build(*swept), folder)

    # over the seeds of each depth; a single image's number is none of them, a missing one is not drawn
    several, two = mean_interval([1, 2, 3]), mean_interval([3, 4])
    assert drawn == [
        [
            [1, 3],
            [2.0, 3.5],
            [several.estimate - several.low, two.estimate - two.low],
            *[pytest.approx([several.high - several.estimate, two.high - two.estimate])],
        ]
    ]
    soup = BeautifulSoup(page.read_bytes(), "html.parser")
    words = "MSE over depth, a line for each method: mean and 95 % interval over seeds."
    assert [image["alt"] for image in soup.select("img")] == [words]
    assert "5 of 6 points are done, 1 failed" in soup.text
    rows = [[cell.text for cell in row.select("td")] for row in soup.select("#points + div tr")[1:]]
    assert rows[0] == [points[0].name, "done", "3.0", ""]
    assert rows[-1] == [points[-1].name, "failed", "", "small: cell 3 failed with <b>"]  # as text
    for link in soup.select("[href]"):
        assert not link["href"].startswith(("http", "/"))


def test_the_page_says_the_value_at_the_pointer_and_needs_no_other_file(swept, chromium):
    sweep, _, _, folder = swept
    report.write(sweep, table.build(*swept), folder).rename(folder / "alone.html")
    page = chromium.new_page(viewport={"width": 1000, "height": 800})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url.partition(":")[0]))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.goto((folder / "alone.html").as_uri())
    stage = page.locator(".figure-stage").first
    stage.focus()
    page.keyboard.press("ArrowRight")
    bubble = page.locator("figure .figure-bubble").first
    assert bubble.is_visible()
    said = bubble.inner_text()
    spoken = stage.locator(".visually-hidden").bounding_box()
    assert spoken["width"] * spoken["height"] <= 1
    site_pages.unfold(page.locator(".figure-more").first)
    rows = page.locator(".figure-table tbody tr").all_inner_texts()
    page.close()
    assert "depth: " in said
    assert "MSE: " in said
    assert [row.split("\t") for row in rows] == [["1", "2"], ["3", "3.5"]]
    assert {*requests} <= {"file", "data"}
    assert requests.count("file") == 1
    assert complaints == []


def test_equal_tables_give_equal_pages(swept):
    built = table.build(*swept)
    sweep, folder = swept[0], swept[3]
    assert report.write(sweep, built, folder).read_bytes() == report.write(sweep, built, folder).read_bytes()
