import json
from collections import Counter
from functools import partial

import nbformat
import pytest
import yaml
from docutils.nodes import make_id
from hypothesis import given
from hypothesis import strategies as st

from compendium import claims, data, products, project
from compendium.claims import checks, evaluation, ledger, rules
from compendium.claims.rules import CONTRADICTED, INCONSISTENT, VERDICTS, Found, Printed, judge
from compendium.errors import CompendiumError

ROW = {
    "id": "T-1",
    "location": "1",
    "quantity": "q",
    "value": 9.5,
    "unit": "dB",
    "kind": "test",
}


@pytest.fixture
def call(call):
    return partial(call, "claims")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write claims files for papers instead of the book's: `files(paper=[rows])`."""
    monkeypatch.setattr(ledger, "FOLDER", tmp_path)
    monkeypatch.setattr(products, "BUILD", tmp_path / "_build")
    ledger.load.cache_clear()

    def write(**papers):
        for paper, rows in papers.items():
            (tmp_path / f"{paper}.yml").write_text(
                rows if isinstance(rows, str) else yaml.safe_dump(rows), encoding="utf-8"
            )
        ledger.load.cache_clear()

    yield write
    ledger.load.cache_clear()


# The rule


def verdict_of(published, found, tolerance=None):
    return judge(published, found, disagreement=CONTRADICTED, tolerance=tolerance)[0]


def test_a_printed_number_is_known_to_half_a_unit_of_its_last_digit():
    assert verdict_of(Printed("9.70"), Found(9.7049)) == "confirmed"
    assert verdict_of(Printed("9.70"), Found(9.7051)) == "contradicted"
    assert verdict_of(Printed("9.7"), Found(9.7051)) == "confirmed"
    assert verdict_of(Printed("1.0e-08"), Found(1.2e-8)) == "contradicted"
    assert verdict_of(28353, Found(28354)) == "contradicted"
    assert verdict_of(Printed("9.70"), Found(9.9), tolerance=0.2) == "confirmed"


@given(st.decimals(-1000, 1000, places=3), st.floats(-0.9, 0.9))
def test_what_rounds_to_the_printed_number_confirms_it(number, part):
    assert rules.agrees(Printed(str(number)), Found(float(number) + part * 0.0005))
    assert not rules.agrees(Printed(str(number)), Found(float(number) + 0.0006))


@given(
    published=st.floats(-10, 10) | st.integers() | st.text() | st.booleans() | st.just([1, "a"]),
    found=st.builds(
        Found,
        ours=st.none() | st.floats(-10, 10) | st.text() | st.booleans() | st.just([1, "a"]),
        runs=st.just([]) | st.lists(st.floats(-10, 10), min_size=2),
        holds=st.sampled_from([None, True, False]),
        short=st.sampled_from([None, "fewer epochs"]),
        lacks=st.sampled_from([None, "a run"]),
        left_out=st.sampled_from([None, "its classifier"]),
        unchecked=st.sampled_from([None, "left out"]),
    ),
)
def test_every_finding_gets_one_verdict_or_is_refused(published, found):
    same = rules.agrees(published, found)
    conditions = (found.unchecked, found.short, found.lacks, found.left_out)
    if not any(conditions) and same is None and found.holds is None:
        with pytest.raises(ValueError, match="neither a value"):
            verdict_of(published, found)
        return
    verdict = verdict_of(published, found)
    assert verdict in VERDICTS
    if found.unchecked:
        assert verdict == "not checkable"
    if verdict == "not checkable":
        assert found.unchecked or (found.left_out and not same and not found.holds)
    if verdict == "confirmed":
        assert same or found.holds
        assert not any(conditions[1::2])
    if verdict == "contradicted":
        assert not any((same, found.holds, *conditions))


def test_what_a_claim_is_held_against_names_the_disagreement():
    assert judge(641, Found(614), disagreement=INCONSISTENT)[0] == "inconsistent"
    assert judge("", Found("no", holds=False), disagreement=CONTRADICTED)[0] == "contradicted"


def test_a_number_that_differs_is_reproduced_in_kind_where_its_direction_holds():
    assert verdict_of(Printed("0.8418"), Found(0.86, holds=True)) == "reproduced in kind"
    assert verdict_of(Printed("0.8418"), Found(0.86, holds=False)) == "contradicted"
    short = Found(0.86, holds=True, short="40 epochs")
    assert judge(Printed("0.8418"), short, disagreement=CONTRADICTED)[1].endswith("40 epochs")


def test_conditions_short_of_the_papers_neither_confirm_nor_contradict():
    assert verdict_of(Printed("0.95"), Found(0.95, short="40 epochs")) == "reproduced in kind"
    assert verdict_of(Printed("0.95"), Found(0.80, short="40 epochs")) == "open"
    assert verdict_of("", Found("yes", holds=True, short="40 epochs")) == "reproduced in kind"


def test_what_the_paper_leaves_out_lets_ours_agree_in_kind_and_nothing_else():
    assert verdict_of(Printed("20.6"), Found(20.6, left_out="its classifier")) == "reproduced in kind"
    assert (
        verdict_of(Printed("20.6"), Found(70.5, holds=True, left_out="its classifier"))
        == "reproduced in kind"
    )
    assert verdict_of(Printed("20.6"), Found(70.5, left_out="its classifier")) == "not checkable"
    undecided = Found("+0.1 points", left_out="its classifier", lacks="more draws")
    assert verdict_of("", undecided) == "open"


@pytest.mark.parametrize(
    ("published", "verdict"), [("1.1", "confirmed"), ("1.4", "open"), ("2.5", "contradicted")]
)
def test_one_run_of_the_paper_is_held_against_the_spread_of_ours(published, verdict):
    assert verdict_of(Printed(published), Found(1.1, runs=[1.0, 1.1, 1.2])) == verdict


def test_lists_mappings_and_texts_are_compared_item_by_item():
    assert verdict_of([1, Printed("0.5")], Found([1, 0.52])) == "confirmed"
    assert verdict_of([1, 2], Found([1, 2, 3])) == "contradicted"
    assert verdict_of({"output": "4x4x8", "count": 584}, Found({"output": "8x8x8", "count": 584})) == (
        "contradicted"
    )
    assert verdict_of({"parameters": 584}, Found({"parameters": 584, "output": "8x8x8"})) == "confirmed"
    assert verdict_of("Conv  2D", Found("conv 2d")) == "confirmed"


# The files


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW | {"verdict": "confirmed"}], 'no key "verdict"'),
        ([{key: ROW[key] for key in ROW if key != "unit"}], "unit is missing"),
        ([ROW, ROW], "T-1 occurs twice"),
        ([ROW | {"kind": "guess"}], 'no kind "guess"; did you mean'),
        ([ROW | {"check": "recordd"}], 'no check "recordd"; did you mean "recorded"'),
        ([ROW | {"check": {"recorded": {"quantty": "MSE"}}}], "check recorded: missing a required"),
        ([ROW | {"check": {"recorded": {"quantity": "MSE", "x": 1}}}], "unexpected keyword argument 'x'"),
        ([ROW | {"check": ["recorded"]}], "write a check as NAME"),
        ([ROW | {"tolerance": "small"}], "tolerance 'small' is not a number"),
        ("- id: T-1\n  value: !!python/name:os.system\n", "not readable"),
        ("claims\n", "expected a list of rows"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(files, rows, message):
    files(test=rows)
    with pytest.raises(CompendiumError, match=r"^[^\n]*$") as refusal:
        claims.verdicts()
    assert message in str(refusal.value)
    assert "test.yml" in str(refusal.value)


def test_every_claim_of_every_paper_is_in_the_ledger():
    counted = Counter(claim.paper for claim in claims.load().values())
    assert counted == {
        "salt-pepper-cae": 160,
        "mean-image": 27,
        "depth-latent": 51,
        "tuning": 72,
        "latent-filtering": 94,
    }
    assert set(counted) == set(project.chapters())


def test_no_verdict_is_typed():
    def values(node):
        if isinstance(node, dict):
            return [text for value in node.values() for text in values(value)]
        return [text for value in node for text in values(value)] if isinstance(node, list) else [node]

    for path in ledger.FOLDER.glob("*.yml"):
        found = {
            text.casefold()
            for text in values(yaml.safe_load(path.read_text(encoding="utf-8")))
            if isinstance(text, str)
        }
        assert not found & set(VERDICTS), path.name


def headings(paper):
    cells = nbformat.read(project.chapter_path(paper), 4).cells
    lines = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    return {make_id(line.lstrip("# ")) for line in lines if line.startswith("#")}


@pytest.mark.parametrize("paper", claims.papers())
def test_every_row_with_a_check_links_to_a_section_that_exists(paper):
    rows = [claim for claim in claims.load().values() if claim.paper == paper]
    anchors = headings(paper)
    assert [row.id for row in rows if row.section and row.section not in anchors] == []
    assert [row.id for row in rows if row.check and not row.section] == []


# The verdicts


def test_every_verdict_has_a_computation_behind_it():
    """Of all claims that need neither a network built nor a data set: those are in slower tests."""
    for claim in claims.load().values():
        check = claim.check and checks.of_paper(claim.paper)[claim.check]
        if check and check.source not in ("computed", "data"):
            one = claims.verdict(claim)
            assert one.found.how or one.found.unchecked or one.found.lacks, claim.id
            if one.verdict == "not checkable":
                assert claim.check == "unchecked" or (one.found.left_out and one.found.ours), claim.id
            assert one.verdict != "open" or one.reason, claim.id


def test_a_claim_without_a_check_is_open_and_counted(files):
    files(test=[ROW, ROW | {"id": "T-2", "check": {"unchecked": {"because": "left out", "what": "all"}}}])
    first, second = claims.verdicts()
    assert (first.verdict, first.reason) == ("open", evaluation.NOT_WRITTEN)
    assert claims.not_written() == ["T-1"]
    assert (second.verdict, second.reason) == ("not checkable", "the paper leaves out all")
    assert claims.summary([first, second]).loc["test"].to_dict() == dict.fromkeys(VERDICTS, 0) | {
        "open": 1,
        "not checkable": 1,
    }


@pytest.fixture
def record(monkeypatch):
    """Numbers of a run that checks find as the recorded one: `record(rows, epochs=...)`."""

    def write(rows, **parameters):
        numbers = [{"quantity": "MSE", "level": None, "image": None} | row for row in rows]
        found = {"chapter": "test", "profile": "cpu", "parameters": parameters, "metrics": numbers}
        monkeypatch.setattr(checks, "recorded_run", lambda chapter: found)

    return write


def of_methods(**numbers):
    return [
        {"method": method, "seed": seed, "value": value}
        for method, values in numbers.items()
        for seed, value in enumerate(values)
    ]


def verdict_of_row(files, **row):
    files(test=[ROW | row])
    return claims.verdict(claims.find("T-1"))


def test_a_recorded_number_is_the_mean_over_seeds(files, record):
    record(of_methods(net=[1.0, 2.0, 3.0]))
    one = verdict_of_row(files, value=1.5, check={"recorded": {"quantity": "MSE", "method": "net"}})
    assert (one.found.ours, one.verdict) == (2.0, "confirmed")
    assert "mean over 3 runs" in one.found.how


def test_a_single_recorded_run_decides_only_with_a_stated_tolerance(files, record):
    record(of_methods(net=[2.0]))
    check = {"recorded": {"quantity": "MSE", "method": "net"}}
    assert verdict_of_row(files, value=1.5, check=check).verdict == "open"
    assert verdict_of_row(files, value=1.5, check=check, tolerance=0.1).verdict == "contradicted"
    assert verdict_of_row(files, value=2.04, check=check, tolerance=0.1).verdict == "confirmed"


def test_a_shorter_run_says_what_it_lacks(files, record):
    record(of_methods(net=[2.0, 2.1]), epochs=40)
    check = {"recorded": {"quantity": "MSE", "method": "net", "needs": {"epochs": 500}}}
    one = verdict_of_row(files, check=check)
    assert (one.verdict, one.reason) == ("open", "the recorded run has `epochs` = 40, the paper 500")


@pytest.mark.parametrize(
    ("second", "verdict"),
    [([2.0, 2.1, 2.2], "confirmed"), ([0.1, 0.2, 0.3], "contradicted"), ([1.0, 1.3, 1.1], "open")],
)
def test_an_order_is_tested_in_pairs(files, record, second, verdict):
    record(of_methods(first=[1.0, 1.1, 1.2], second=second))
    check = {"ordering": {"quantity": "MSE", "ascending": [{"method": "first"}, {"method": "second"}]}}
    assert verdict_of_row(files, value="", check=check).verdict == verdict


def test_a_setting_is_no_surer_than_what_it_gives(files, record):
    record(of_methods(net=[1.0, 1.1, 1.2], black=[3.0, 3.1, 3.2]), epochs=30)
    gives = {"quantity": "MSE", "method": "net", "below": {"method": "black"}}
    setting = ROW | {"id": "T-2", "value": 30, "check": {"setting": {"parameter": "epochs", "gives": "T-1"}}}
    for published, verdict in ((1.1, "confirmed"), (2.5, "reproduced in kind")):
        files(test=[ROW | {"value": published, "check": {"recorded": gives}}, setting])
        assert [one.verdict for one in claims.verdicts()] == [verdict, verdict]


def test_what_needs_no_training_stands_beside_every_seed(files, record):
    record([*of_methods(net=[1.0, 1.1, 1.2]), {"method": "black image", "seed": None, "value": 3.0}])
    check = {"ordering": {"quantity": "MSE", "ascending": [{"method": "net"}, {"method": "black image"}]}}
    assert verdict_of_row(files, value="", check=check).verdict == "confirmed"


@pytest.mark.parametrize(("alive", "verdict"), [(0, "open"), (1, "open"), (2, "confirmed"), (4, "confirmed")])
def test_fewer_collapses_are_a_matter_of_how_many_seeds(record, alive, verdict):
    ends = of_methods(**{"learning rate": [0.01] * alive + [0.11] * (4 - alive), "baseline": [0.11] * 20})
    ends = [row | {"quantity": "MSE after training", "level": "one switch"} for row in ends]
    record([*ends, {"method": "black image", "seed": None, "level": "test images", "value": 0.11}])
    assert claims.verdict(claims.find("S4-62")).verdict == verdict


def test_an_unknown_number_is_named(files, record):
    record(of_methods(net=[1.0]))
    with pytest.raises(CompendiumError, match="T-1, check recorded: the record of test has no number with"):
        verdict_of_row(files, check={"recorded": {"quantity": "MSE", "method": "other"}})


def test_findings_in_a_data_set_are_kept_for_machines_without_it(files, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "DATA_RECORD", tmp_path / "data.json")
    present = True

    def counted(case, *, name):
        if not present:
            raise checks.Missing(f"needs {name}; type: compendium data fetch {name}")
        return Found(9.5, "counted")

    monkeypatch.setitem(checks._CHECKS[checks.__name__], "counted", checks.Check(counted, "data"))
    row = ROW | {"check": {"counted": {"name": "cifar10"}}}
    files(test=[row])
    evaluation._kept.cache_clear()
    assert claims.record_data() == 1
    present = False
    assert claims.verdict(claims.find("T-1")).verdict == "confirmed"
    files(test=[row | {"check": {"counted": {"name": "mnist"}}}])
    one = claims.verdict(claims.find("T-1"))
    assert (one.verdict, one.reason) == ("open", "needs mnist; type: compendium data fetch mnist")
    with pytest.raises(CompendiumError, match="T-1: needs mnist"):
        claims.record_data()
    evaluation._kept.cache_clear()


@pytest.mark.parametrize(
    ("name", "ours", "verdict"),
    [
        ("S2-10", 210947, "confirmed"),
        ("S2-21", 1, "confirmed"),
        ("S2-26", pytest.approx(50.5745, abs=1e-4), "confirmed"),
        ("S2-25", pytest.approx(44.39, abs=0.01), "confirmed"),
        ("S1-04", pytest.approx(0.74647, abs=1e-5), "inconsistent"),
        ("S1-20", 614, "inconsistent"),
        ("S1-38", {"output": "8x8x8", "parameters": 584}, "contradicted"),
        ("S1-123", pytest.approx(9.1243, abs=1e-4), "confirmed"),
        ("S1-155", "6 of 12", "confirmed"),
        ("S4-26", 28353, "confirmed"),
        ("S4-32", pytest.approx(0.114709, abs=5e-7), "confirmed"),
        ("S4-68", pytest.approx(3.0234, abs=1e-4), "inconsistent"),
    ],
)
def test_known_claims_are_recomputed(name, ours, verdict):
    one = claims.verdict(claims.find(name))
    assert (one.found.ours, one.verdict) == (ours, verdict)


def test_a_machine_without_data_sets_finds_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path))
    checks.image_set.cache_clear()
    for claim in claims.load().values():
        check = claim.check and checks.of_paper(claim.paper)[claim.check]
        if check and check.source == "data":
            assert claims.verdict(claim).found.how, claim.id


@pytest.mark.real_data
def test_what_is_kept_of_the_data_sets_is_what_they_give(tmp_path, monkeypatch):
    if any(data.state(name) == "absent" for name in ("mnist", "cifar10", "cifar100")):
        pytest.skip("needs mnist, cifar10 and cifar100; type: compendium data fetch mnist cifar10 cifar100")
    kept = json.loads(evaluation.DATA_RECORD.read_text(encoding="utf-8"))
    monkeypatch.setattr(evaluation, "DATA_RECORD", tmp_path / "data.json")
    claims.record_data()
    assert json.loads(evaluation.DATA_RECORD.read_text(encoding="utf-8")) == kept


# The command


def test_a_claim_is_explained(call):
    status, shown, _ = call("s2-22")
    assert status == 0
    for text in ("S2-22", "0.9954 SSIM", "recorded run mean-image/cpu", "notebooks/mean-image.html#"):
        assert text in shown


def test_one_row_is_computed_alone_and_once(call, tmp_path, monkeypatch):
    monkeypatch.setattr(products, "BUILD", tmp_path)
    computed = []

    def noted(claim):
        computed.append(claim.id)
        return claims.verdict(claim)

    monkeypatch.setattr(evaluation, "verdict", noted)
    first, second = call("S2-22"), call("S2-22")
    assert computed == ["S2-22"]
    assert first == second
    call("S2-22", "S2-26")
    assert computed == ["S2-22", "S2-26"]


def test_what_lacks_a_data_set_is_computed_again(files, call, monkeypatch):
    present = False

    def counted(case):
        if not present:
            raise checks.Missing("needs mnist; type: compendium data fetch mnist")
        return Found(9.5, "counted")

    monkeypatch.setitem(checks._CHECKS[checks.__name__], "counted", checks.Check(counted, "data"))
    files(test=[ROW | {"check": "counted"}])
    assert "open: needs mnist" in call("T-1")[1]
    present = True
    assert "confirmed" in call("T-1")[1]


def test_rows_are_printed_as_json(call):
    _, shown, _ = call("--json", "S2-22", "S2-26")
    first, second = json.loads(shown)
    assert first["published"] == 0.9954
    assert {"id", "paper", "published", "ours", "tolerance", "verdict", "how", "reason"} <= set(second)


def test_without_arguments_papers_are_counted(call, files):
    files(test=[ROW, ROW | {"id": "T-2"}])
    _, shown, _ = call()
    assert [line.split() for line in shown.splitlines() if "test" in line] == [["test", *"000002"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["S2-222"], 'no claim "S2-222"; did you mean "S2-22"? (of 404)'),
        (["--paper", "tunning"], 'no paper "tunning"; did you mean "tuning"?'),
        (["--verdict", "confirm"], 'no verdict "confirm"; did you mean "confirmed"?'),
    ],
)
def test_an_unknown_name_gets_the_nearest(call, arguments, message):
    status, _, complaint = call(*arguments)
    assert status == 2
    assert message in complaint


def test_a_finding_does_not_depend_on_what_was_computed_before():
    built = [c for c in ledger.load().values() if c.check in ("architecture", "default optimizer")]
    forwards, backwards = claims.verdicts(built), claims.verdicts(built[::-1])
    assert [one.found for one in forwards] == [one.found for one in backwards[::-1]]
