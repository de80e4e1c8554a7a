"""What a sweep is asked for, where it keeps it, and what it says of it; no run is started here."""

import json
import re
import subprocess
import sys
import threading
from functools import partial

import pandas as pd
import pytest
import site_pages
import tiny_records
from bs4 import BeautifulSoup
from distributed import Client, LocalCluster
from hypothesis import given
from hypothesis import strategies as st
from tiny_notebooks import write_notebook

from compendium import chapters, parameters, plots, project, standalone
from compendium.errors import CompendiumError, UsageError
from compendium.statistics import mean_interval
from compendium.sweep import charts, cluster, grid, report, table
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
    (tmp_path / "profiles.yml").write_text("quick: {}\ncpu: {small: {depth: 2}}\n", encoding="utf-8")
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
        ("rate", "0.1..0.9", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ("rate", "0.10..0.12, 2", [0.1, 0.11, 0.12, 2.0]),
        ("rate", "1e-3..3e-3", [0.001, 0.002, 0.003]),
        ("rate", "1..3", [1.0, 2.0, 3.0]),
        ("levels", "0.1..0.3", [[0.1], [0.2], [0.3]]),
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
        (["small", "-g", "rate=0..2"], 'rate = "0": expected a number, above 0'),
        (["small", "-g", "rate=0.1..x"], 'rate = "0.1..x": expected a number, above 0'),
        (["small", "-g", "rate=0.3..0.1"], "-g rate: no number in 0.3..0.1; write the lower one first"),
        (["small", "-g", "rate=0.1..0.1234567"], "-g: 234,568 points; a sweep has at most 10,000"),
        (["small", "-g", "depth=1..2.5"], "-g depth: 1..2.5 has decimals; depth takes whole numbers"),
        (["small", "-g", "seed=1", "--wait"], "--wait is for the workers of a running cluster"),
        (["small", "-g", "seed=4..0"], "-g seed: no number in 4..0; write the lower one first"),
        (["small", "-g", "seed=1,,2"], "-g seed: a value is missing"),
        (["small", "-g", "seed=1,2,1"], "-g seed: 1 is given 2 times"),
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
    ended = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, encoding="utf-8")
    assert ended.stdout == "2 set()\n"


def test_no_scheduler_there_is_one_line_and_status_1(call, chapter, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    status, _, complaint = call("small", "-g", "seed=1", "--scheduler", "tcp://127.0.0.1:1")
    assert status == 1
    assert complaint.startswith("compendium: tcp://127.0.0.1:1: no Dask scheduler answers")
    assert complaint.count("\n") == 1


def test_a_scheduler_without_workers_is_one_line_soon_and_waited_for_when_told_to(call, chapter, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
    ) as empty:
        address = empty.scheduler_address
        status, _, complaint = call("small", "-g", "seed=1", "--scheduler", address)
        assert (status, complaint) == (
            1,
            f"compendium: {address}: the Dask scheduler has no workers; start some with "
            f"`dask worker {address}`, or wait for them with --wait\n",
        )
        threading.Timer(2, empty.scale, [1]).start()
        with cluster.running(address, wait=True) as client:
            assert client.nthreads()


# --- what is done, and how long the rest takes


def finish(folder, metrics=(), seconds=60.0):
    content = tiny_records.record(metrics=list(metrics), wall_seconds=seconds)
    tiny_records.write(folder, content)
    (folder / "small.ipynb").touch()


def test_a_worker_that_cannot_take_part_is_named_and_nothing_runs(chapter, tmp_path, monkeypatch):
    sweep, out = Sweep("small", "quick", {}, {"seed": [0]}), tmp_path / "here"
    points = grid.points(sweep.grid)
    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as client:
        with pytest.raises(
            CompendiumError, match=f"^the worker inproc:.* does not see {re.escape(str(out))}; name"
        ):
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
    assert printed.splitlines() == [*names, "5 points to run; no published run says how long one takes"]
    assert not project.RUNS.exists()

    finish(project.RESULTS / "small" / "quick", seconds=600.0)
    assert (
        call(*arguments)[1]
        .splitlines()[-1]
        .startswith(
            "5 points to run, 2 at once, 0:10:00 each as the published run under quick: about 0:30:00;"
        )
    )

    earlier = tiny_records.record(wall_seconds=9.0, training_seconds=120.0)
    del earlier["form"]  # when only the time since the last start was recorded
    tiny_records.write(project.RESULTS / "small" / "quick", earlier)
    assert "0:02:00 each as the published run under quick, training alone: about" in call(*arguments)[1]

    out = tmp_path / "mine"
    finish(out / "points" / names[1], seconds=60.0)
    finish(out / "points" / names[4], seconds=120.0)
    sweep = Sweep("small", "quick", {}, {"seed": [0, 1, 2, 3, 4]})
    (out / state.SWEEP).write_text(json.dumps(sweep.described()), encoding="utf-8")
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
        f"compendium: {thesis}: holds something else; name another folder with --out\n",
    )
    assert [path.name for path in thesis.iterdir()] == ["text.tex"]


# --- the table and the page


def results_of(tmp_path, grid_of, how, **same):
    """A sweep whose points are done as `how` says: changes of a record, a message of failure, or None."""
    sweep = Sweep("small", "quick", same, grid_of)
    points = grid.points(grid_of)
    failures = {}
    for point in points:
        match how(point.values):
            case str(message):
                failures[point.name] = message
            case dict(changes):
                tiny_records.finish(sweep, point, tmp_path, **changes)
    return sweep, table.build(sweep, points, failures, tmp_path), tmp_path


def by_rate(values):
    """Too slow, right, too large, far too large: of the last, one fails and one is missing."""
    rate, seed = values["rate"], values["seed"]
    if rate == 1:
        return ["small: cell 3 failed with <b>", None, {"outcome": "diverged"}][seed]
    return {"outcome": "collapsed" if rate == 0.01 and seed else "learnt", "error": 0.011}


@pytest.fixture
def swept(tmp_path):
    """A sweep over rates and three seeds of which some points collapsed, diverged, failed or are missing."""
    return results_of(tmp_path, {"rate": [0.0001, 0.001, 0.01, 1.0], "seed": [0, 1, 2]}, by_rate, depth=2)


def seen(folder):
    return BeautifulSoup((folder / "report.html").read_bytes(), "html.parser")


def rows_of(soup, noun):
    return [[cell.text for cell in row.select("td")] for row in soup.select(f'[data-noun="{noun}"] tbody tr')]


def test_the_table_has_a_row_a_number_and_point(swept):
    _, built, folder = swept
    assert list(built) == [
        *("point", "rate", "seed", "quantity", "method", "level", "seed_in_run", "image", "value"),
        *("outcome", "outcome_epoch", "seconds", "status", "message"),
    ]
    status = built.groupby("point", sort=False)["status"].agg(["first", "size"])
    assert status["first"].tolist() == ["done"] * 9 + ["failed", "missing", "done"]
    assert status["size"].tolist() == [*([12] * 9), 1, 1, 12]
    first = built.iloc[0]
    assert first[["rate", "seed", "quantity", "level", "outcome", "seconds", "status"]].tolist() == [
        *(0.0001, 0, "MSE", "30 %", "learnt", 20.0, "done")
    ]
    failed = built[built["status"] == "failed"].iloc[0]
    assert failed["message"] == "small: cell 3 failed with <b>"
    table.write(built, folder)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), built)
    plain = pd.read_csv(folder / "results.csv", dtype={"level": "str"})
    pd.testing.assert_frame_equal(plain, built, check_dtype=False)


def test_each_number_has_the_outcome_of_the_network_that_it_is_of(swept):
    built = swept[1]
    lost = built[(built["rate"] == 0.01) & (built["seed"] == 1)].set_index("method")["outcome"]
    assert set(lost["CAE"]) == {"collapsed"}
    assert lost["CAE, altered pixels"] == "collapsed"
    assert lost["noisy input"].isna().all()
    assert set(built[built["outcome"] == "collapsed"]["outcome_epoch"]) == {3}
    assert built[built["outcome"] == "learnt"]["outcome_epoch"].isna().all()


@pytest.mark.parametrize(
    ("method", "found"),
    [
        ("DAE_1_5", "DAE_1_5"),
        ("code of the DAE_1_5", "DAE_1_5"),
        ("DAE_1_52", None),
        ("baseline + bias", "baseline + bias"),
        ("baseline, clean input", "baseline"),
        ("noisy input", None),
    ],
)
def test_a_method_is_of_the_network_in_its_name(method, found):
    known = [{"method": name} for name in ("DAE_1_5", "baseline", "baseline + bias")]
    assert [one["method"] for one in table.of_network(method, known)] == ([found] if found else [])


def test_lists_are_items_where_each_has_one_and_texts_otherwise(tmp_path):
    for values, column in [([[0.1], [0.2]], [0.1, 0.2]), ([[0.1, 0.2], [0.3]], ["[0.1, 0.2]", "[0.3]"])]:
        _, built, _ = results_of(tmp_path, {"levels": values}, lambda _: "failed")
        assert built["levels"].tolist() == column
        table.write(built, tmp_path)


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        ([1e-4, 1e-3, 1e-2], True),
        ([1, 2, 4, 8], True),
        ([0.0001, 0.001, 1], True),
        ([1, 2, 3], False),
        ([0.3, 0.6, 0.9], False),
        ([1, 3, 5], False),
        ([0, 1, 10], False),
        ([1, 100], True),
        ([1, 2], False),
    ],
)
def test_an_axis_is_spaced_as_its_values_are(values, logarithmic):
    assert charts.is_logarithmic(values) is logarithmic


def test_an_interval_needs_three_runs_of_one_outcome_and_ends_where_the_quantity_does():
    def found(quantity, values, outcomes):
        return charts.summary(quantity, pd.DataFrame({"value": values, "outcome": outcomes}))

    of_two = found("MSE", [0.1, 0.2], ["learnt"] * 2)
    assert (of_two.n, of_two.interval.estimate) == (2, pytest.approx(0.15))
    assert pd.isna(of_two.interval.low)
    of_three = found("MSE", [0.01, 0.05, 0.2], ["learnt"] * 3)
    assert (of_three.interval.low, of_three.interval.high) == (0, mean_interval([0.01, 0.05, 0.2]).high)
    assert found("SSIM", [0.7, 0.99, 0.99], ["learnt"] * 3).interval.high == 1
    assert found("PSNR", [10, 20, 60], ["learnt"] * 3).interval.low < 0
    assert found("accuracy", [1.1, 1.2, 1.3], ["learnt"] * 3).interval.high == 1.3  # of something else
    mixed = found("MSE", [0.01, 0.1, 0.1], ["learnt", "collapsed", "collapsed"])
    assert pd.isna(mixed.interval.low)
    lost = found("MSE", [0.1, float("nan")], ["learnt", "diverged"])
    assert (lost.n, lost.runs) == (1, 2)


@pytest.fixture
def figures(monkeypatch):
    """The figures of a report, kept before they become pictures."""
    kept, picture = [], standalone.picture

    def keep(figure, words):
        kept.append((figure, words))
        return picture(figure, words)

    monkeypatch.setattr(standalone, "picture", keep)
    return kept


def dots(axis, label):
    return [
        xy
        for line in axis.lines
        if line.get_label() == label and line.get_linestyle() == "None"
        for xy in line.get_xydata().tolist()
    ]


def test_a_chart_has_a_dot_a_run_marks_outcomes_and_draws_what_needs_no_training_as_lines(swept, figures):
    sweep, built, folder = swept
    report.write(sweep, built, folder)
    figure, words = figures[0]
    [axis] = figure.axes
    assert axis.get_xscale() == "log"
    own = built[(built["method"] == "CAE") & (built["quantity"] == "MSE") & built["image"].isna()]
    for label, outcome in {"CAE": "learnt", "CAE, collapsed": "collapsed"}.items():
        assert dots(axis, label) == own.loc[own["outcome"] == outcome, ["rate", "value"]].to_numpy().tolist()
    assert [(text.get_text(), text.get_position()[0]) for text in axis.texts] == [("×", 1)]
    names = [tick.get_text() for tick in axis.get_xticklabels()]
    assert names == ["0.0001\nn = 3", "0.001\nn = 3", "0.01\nn = 3", "1\nn = 1"]
    [[bars]] = [[c for c in axis.containers if c.has_yerr]]
    ends = next(part.get_segments() for part in bars.lines[2])
    assert sum(len(end) > 0 and not pd.isna(end).any() for end in ends) == 2  # of learnt networks alone
    across = {line.get_label(): line.get_ydata() for line in axis.lines if "noisy" in str(line.get_label())}
    assert across == {"noisy input": [0.15, 0.15]}
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend == [
        *("CAE", "collapsed", "diverged", "noisy input", "mean image", "median 3x3", "linear interpolation")
    ]
    assert "open diamonds are collapsed" in words
    assert "marks at the upper edge have no number" in words
    assert "for 3 runs or more of one outcome, cut where" in words
    colours = {
        line.get_color()
        for figure, _ in figures
        for axis in figure.axes
        for line in axis.lines
        if line.get_label() == "CAE"
    }
    assert colours == {plots.looks(["CAE"])["CAE"].colour}


def test_levels_that_swept_values_decide_share_a_panel(tmp_path, figures):
    values = [[0.1], [0.3], [0.6]]

    def how(point):
        return {"levels": (f"{point['levels'][0]:.0%}".replace("%", " %"),)}

    report.write(*results_of(tmp_path / "a", {"levels": values, "seed": [0, 1]}, how))
    [axis] = figures[0][0].axes
    assert (axis.get_xscale(), axis.get_title()) == ("linear", "")
    assert [x for x, _ in dots(axis, "CAE")] == [0.1, 0.1, 0.3, 0.3, 0.6, 0.6]
    figures.clear()
    report.write(*results_of(tmp_path / "b", {"depth": [1, 2]}, lambda _: {"levels": ("30 %", "60 %")}))
    assert [axis.get_title() for axis in figures[0][0].axes] == ["30 %", "60 %"]


def test_what_spans_decades_is_shown_in_decades(tmp_path, figures):
    report.write(*results_of(tmp_path, {"depth": [1, 2]}, lambda v: {"error": 0.0001 * 10 ** v["depth"]}))
    scales = {words.split(" over")[0]: figure.axes[0].get_yscale() for figure, words in figures}
    assert scales == {"MSE": "log", "SSIM": "linear", "MSE of parts": "linear"}


def test_where_only_the_seed_is_swept_each_network_has_its_place(tmp_path, figures):
    report.write(*results_of(tmp_path, {"seed": [0, 1, 2]}, lambda _: {}))
    [axis] = figures[0][0].axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["CAE\nn = 3"]
    assert len(dots(axis, "CAE")) == 3


def test_records_that_say_nothing_of_networks_have_dots_for_what_varies(tmp_path, figures):
    report.write(
        *results_of(tmp_path, {"depth": [1, 2]}, lambda v: {"outcomes": [], "error": 0.01 * v["depth"]})
    )
    [axis] = figures[0][0].axes
    assert len(dots(axis, "CAE")) == 2
    assert dots(axis, "noisy input") == []


def test_the_page_says_what_became_of_the_points_and_leads_to_each(swept):
    sweep, built, folder = swept
    (folder / "points" / "01_rate=0.0001_seed=0" / "small.html").touch()
    (folder / "points" / "10_rate=1.0_seed=0").mkdir()
    (folder / "points" / "10_rate=1.0_seed=0" / "small.failed.ipynb").touch()
    report.write(sweep, built, folder)
    soup = seen(folder)
    said = " ".join(soup.select_one("article").text.split())
    assert "10 of 12 points are done: in 7 every network learnt, in 2 at least one collapsed, in 1" in said
    assert "1 of 12 points has not been run to the end. 1 failed, with an error and without a result" in said
    points = rows_of(soup, "points")
    assert points[0] == ["01_rate=0.0001_seed=0", "0.0001", "0", "done", "learnt", "20.0", ""]
    assert [row[3:5] for row in points[7:]] == [
        ["done", "collapsed"],
        ["done", "collapsed"],
        ["failed", ""],
        ["missing", ""],
        ["done", "diverged"],
    ]
    assert points[9][-1] == "small: cell 3 failed with <b>"  # as text
    links = [link["href"] for link in soup.select('[data-noun="points"] a')]
    assert links[0] == "points/01_rate%3D0.0001_seed%3D0/small.html"
    assert links[1] == "points/02_rate%3D0.0001_seed%3D1/small.ipynb"
    assert links[9] == "points/10_rate%3D1.0_seed%3D0/small.failed.ipynb"
    for link in soup.select("[href]"):
        assert not link["href"].startswith(("http", "/"))
    means = {tuple(row[:4]): row[4:] for row in rows_of(soup, "means")}
    assert means["MSE", "0.01", "30 %", "CAE"][1:] == ["", "", "3", "1 learnt, 2 collapsed"]
    assert means["MSE", "1.0", "30 %", "CAE"] == ["", "", "", "0 of 1", "1 diverged"]
    assert means["MSE", "0.001", "30 %", "CAE"][3:] == ["3", "3 learnt"]


def test_a_sweep_without_any_finished_point_has_a_page(tmp_path):
    report.write(*results_of(tmp_path, {"seed": [0, 1]}, lambda v: "broken" if v["seed"] else None))
    assert "0 of 2 points are done" in seen(tmp_path).text


def test_the_tables_sort_by_number_and_filter_and_need_no_other_file(swept, chromium):
    sweep, built, folder = swept
    report.write(sweep, built, folder).rename(folder / "alone.html")
    page = chromium.new_page(viewport={"width": 1000, "height": 800}, color_scheme="dark")
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url.partition(":")[0]))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.goto((folder / "alone.html").as_uri())
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    means = page.locator('[data-noun="means"]')
    means.get_by_role("button").filter(has_text=re.compile("^mean$")).press("Enter")
    column = means.locator("tbody tr td:nth-child(5)").all_inner_texts()
    shown = [float(text.replace("−", "-")) for text in column if text]
    assert shown == sorted(shown)
    assert column[-1] == ""
    means.get_by_label("Method").select_option("CAE")
    means.get_by_label("Words").fill("ssim")
    assert means.locator("tbody tr:visible").count() == 4
    assert "4 of" in means.get_by_role("status").inner_text()
    stage = page.locator(".figure-stage").first
    stage.focus()
    page.keyboard.press("ArrowRight")
    said = page.locator("figure .figure-bubble").first.inner_text()
    page.close()
    assert "rate: " in said
    assert "MSE: " in said
    assert {*requests} <= {"file", "data"}
    assert requests.count("file") == 1
    assert complaints == []


def test_equal_tables_give_equal_pages(swept):
    sweep, built, folder = swept
    assert report.write(sweep, built, folder).read_bytes() == report.write(sweep, built, folder).read_bytes()


def test_the_page_is_accessible_wide_and_light_or_narrow_and_dark(swept, chromium):
    sweep, built, folder = swept
    found = site_pages.look(chromium, report.write(sweep, built, folder))
    assert found.violations == []
    assert found.complaints == []
    assert {*found.overflow.values()} == {0}
