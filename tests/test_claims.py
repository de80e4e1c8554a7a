import json
import re
from collections import Counter
from decimal import Decimal
from functools import partial

import nbformat
import pytest
import yaml
from docutils.nodes import make_id
from scipy import stats

from compendium import claims, products, project
from compendium.claims import checks, evaluation, ledger, rules
from compendium.claims.rules import (
    FAILS,
    HOLDS,
    NOT_TESTABLE,
    UNDECIDED,
    Found,
)
from compendium.errors import CompendiumError

ROW = {"id": "T-1", "claim": "It is 9.5 dB.", "location": "1", "rank": "detail", "kind": "training"}
NUMBER = ROW | {"value": 9.5, "unit": "dB", "measure": "PSNR"}


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


# The files


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW | {"verdict": "confirmed"}], 'no key "verdict"'),
        ([{key: ROW[key] for key in ROW if key != "location"}], "location is missing"),
        ([ROW, ROW], "T-1 occurs twice"),
        ([ROW | {"kind": "guess"}], 'no kind "guess"; did you mean'),
        ([ROW | {"rank": "main"}], 'no rank "main"; did you mean'),
        ([NUMBER | {"measure": "SSMI"}], 'no measure "SSMI"; did you mean "SSIM"'),
        ([ROW | {"measure": "MSE"}], "only a number of kind training has a measure"),
        ([ROW | {"rank": "headline"}], "a headline has a label"),
        (
            [ROW | {"kind": "data", "check": {"recorded": {"quantity": "MSE"}}}],
            "gives evidence of kind training",
        ),
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


def test_every_paper_has_its_headlines():
    counted = Counter(claim.paper for claim in claims.load().values() if claim.headline)
    assert set(counted) == {*claims.papers()} <= {*project.chapters()}
    assert all(6 <= number <= 14 for number in counted.values()), counted


ALL_WORDS = {claims.word(kind, outcome) for kind in rules.KINDS for outcome in rules.OUTCOMES}


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
        assert not found & ALL_WORDS, path.name


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
    quick = [
        claim
        for claim in claims.load().values()
        if claim.check and checks.of_claim(claim).source not in ("built", "data")
    ]
    for one in claims.verdicts(quick):
        claim = one.claim
        assert one.found.how or one.outcome in (UNDECIDED, NOT_TESTABLE), claim.id
        assert one.rule, claim.id
        if one.outcome in (UNDECIDED, NOT_TESTABLE):
            assert claim.would_change, f"{claim.id} is {one.outcome}: what would change that?"


def test_a_claim_without_a_check_is_undecided(files):
    files(test=[ROW, ROW | {"id": "T-2", "check": {"unchecked": {"because": "left out", "what": "all"}}}])
    first, second = claims.verdicts()
    assert (first.verdict, first.rule) == ("undecided", evaluation.NOT_WRITTEN)
    assert (second.verdict, second.rule) == ("not testable", "the paper leaves out all")


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
    one = verdict_of_row(
        files, value=2.5, measure="MSE", check={"recorded": {"quantity": "MSE", "method": "net"}}
    )
    assert (one.found.ours, one.outcome) == (2.0, UNDECIDED)
    assert "mean over 3 runs" in one.found.how


def test_the_margin_of_an_accuracy_is_in_the_unit_that_is_printed(files):
    row = ROW | {"value": 0.7549, "measure": "accuracy"}
    files(test=[row | {"unit": "fraction"}, row | {"id": "T-2", "value": 75.49, "unit": "%"}])
    assert [claim.margin.of(claim.value) for claim in claims.load().values()] == [0.02, 2]


def test_a_single_recorded_run_decides_only_where_nothing_is_trained(files, record):
    record(of_methods(net=[2.0]))
    check = {"quantity": "MSE", "method": "net"}
    one = verdict_of_row(files, value=2.0, measure="MSE", check={"recorded": check})
    assert (one.outcome, one.rule) == (UNDECIDED, rules.ONE_RUN)
    exact = {"recorded": check | {"trained": False}}
    assert verdict_of_row(files, value=2.0, check=exact).outcome == HOLDS
    assert verdict_of_row(files, value=2.5, check=exact).outcome == FAILS


def test_a_shorter_run_says_what_it_lacks(files, record):
    record(of_methods(net=[2.0, 2.1]), epochs=40)
    check = {"recorded": {"quantity": "MSE", "method": "net", "needs": {"epochs": 500}}}
    one = verdict_of_row(files, check=check)
    assert (one.outcome, one.rule) == (UNDECIDED, "the published run has `epochs` = 40, the paper 500")


@pytest.mark.parametrize(
    ("second", "outcome"),
    [([2.0, 2.1, 2.3], HOLDS), ([0.1, 0.2, 0.4], FAILS), ([1.0, 1.3, 1.1], UNDECIDED), ([2.0], HOLDS)],
)
def test_an_order_is_tested_in_pairs(files, record, second, outcome):
    """What needs no training, of one number, stands beside every seed."""
    record(of_methods(first=[1.0, 1.15, 1.2], second=second))
    check = {"ordering": {"quantity": "MSE", "ascending": [{"method": "first"}, {"method": "second"}]}}
    assert verdict_of_row(files, check=check).outcome == outcome


def test_one_pair_decides_no_order(files, record):
    record(of_methods(first=[1.0], second=[2.0]))
    check = {"ordering": {"quantity": "MSE", "ascending": [{"method": "first"}, {"method": "second"}]}}
    one = verdict_of_row(files, check=check)
    assert (one.outcome, one.rule) == (UNDECIDED, rules.ONE_RUN)


def test_orders_of_a_paper_are_corrected_for_being_several(files, record):
    record(of_methods(first=[1.0, 1.1, 1.2], second=[1.9, 1.5, 1.7]))
    check = {"ordering": {"quantity": "MSE", "ascending": [{"method": "first"}, {"method": "second"}]}}
    alone = verdict_of_row(files, check=check)
    files(
        test=[ROW | {"id": f"T-{number}", "check": check} for number in range(1, 9)],
        other=[ROW | {"id": "O-1"}],
    )
    among_eight = claims.verdict(claims.find("T-1"))
    assert among_eight.test.holds == pytest.approx(min(1, 8 * alone.test.holds))


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
    row = ROW | {"kind": "data", "value": 9.5, "check": {"counted": {"name": "cifar10"}}}
    files(test=[row])
    evaluation._kept.cache_clear()
    assert claims.record_data() == 1
    present = False
    assert claims.verdict(claims.find("T-1")).verdict == "found in the data"
    files(test=[row | {"check": {"counted": {"name": "mnist"}}}])
    one = claims.verdict(claims.find("T-1"))
    assert (one.verdict, one.rule) == ("undecided", "needs mnist; type: compendium data fetch mnist")
    with pytest.raises(CompendiumError, match="T-1: needs mnist"):
        claims.record_data()
    evaluation._kept.cache_clear()


@pytest.mark.parametrize("alive", [0, 1, 2, 4])
def test_fewer_collapses_are_held_against_chance_by_fishers_test(record, alive):
    ends = of_methods(**{"learning rate": [0.01] * alive + [0.11] * (4 - alive), "baseline": [0.11] * 20})
    ends = [row | {"quantity": "MSE after training", "level": "one switch"} for row in ends]
    record([*ends, {"method": "black image", "seed": None, "level": "test images", "value": 0.11}])
    claim = claims.find("S4-62")
    found = checks.of_claim(claim).function(checks.Case(claim, claims.load()), **claim.arguments)
    expected = stats.fisher_exact([[4 - alive, alive], [20, 0]], alternative="less").pvalue
    assert found.test.holds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "ours", "verdict"),
    [
        ("S1-04", pytest.approx(0.74647, abs=1e-5), "inconsistent"),
        ("S1-20", 614, "inconsistent"),
        ("S1-38", {"output": "8x8x8", "parameters": 584}, "not as printed"),
        ("S2-22", pytest.approx(0.9784, abs=1e-4), "undecided"),
        ("S2-25", pytest.approx(44.5539, abs=1e-4), "consistent"),
        ("S4-32", pytest.approx(0.114709, abs=5e-7), "reproduced"),
        ("S4-33", pytest.approx(9.69776, abs=1e-4), "reproduced"),
        ("S4-68", pytest.approx(3.0234, abs=1e-4), "inconsistent"),
        ("S5-24", pytest.approx(70.473, abs=1e-3), "not testable"),
        ("S5-79", pytest.approx(79.878, abs=1e-3), "consistent"),
    ],
)
def test_known_claims_are_recomputed(name, ours, verdict):
    one = claims.verdict(claims.find(name))
    assert (one.found.ours, one.verdict) == (ours, verdict)


def test_a_machine_without_data_sets_finds_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path))
    checks.image_set.cache_clear()
    for claim in claims.load().values():
        check = claim.check and checks.of_claim(claim)
        if check and check.source == "data":
            assert claims.verdict(claim).found.how, claim.id


@pytest.mark.thorough
@pytest.mark.real_data("mnist", "cifar10", "cifar100")
def test_what_is_kept_of_the_data_sets_is_what_they_give(tmp_path, monkeypatch):
    kept = json.loads(evaluation.DATA_RECORD.read_text(encoding="utf-8"))
    monkeypatch.setattr(evaluation, "DATA_RECORD", tmp_path / "data.json")
    claims.record_data()
    new = json.loads(evaluation.DATA_RECORD.read_text(encoding="utf-8"))
    assert new.keys() == kept.keys()
    for row, found in kept.items():
        # a network's outputs depend, in their last digits, on the processor; counting and SciPy do not
        rounded = "published run" in found["found"]["how"]
        assert alike(new[row], found) if rounded else new[row] == found, row


def alike(new, kept):
    """Whether findings differ by no more than 1 %, and printed numbers by no more than their last digit."""
    if isinstance(kept, dict):
        return new.keys() == kept.keys() and all(alike(new[name], kept[name]) for name in kept)
    if isinstance(kept, list):
        return len(new) == len(kept) and all(map(alike, new, kept))
    if isinstance(kept, str):
        number = re.compile(r"\d+(?:\.\d+)?")
        if number.sub("#", new) != number.sub("#", kept):
            return False
        pairs = zip(*(map(Decimal, number.findall(text)) for text in (new, kept)), strict=True)
        return all(abs(a - b) <= Decimal(1).scaleb(b.as_tuple().exponent) for a, b in pairs)
    return new == (pytest.approx(kept, rel=0.01) if isinstance(kept, float | int) else kept)


# The command


def test_a_claim_is_explained(call):
    status, shown, _ = call("s2-22")
    assert status == 0
    for text in ("S2-22", "0.9954 SSIM", "published run mean-image/cpu", "notebooks/mean-image.html#"):
        assert text in shown


def test_one_row_is_computed_alone_and_once(call, tmp_path, monkeypatch):
    monkeypatch.setattr(products, "BUILD", tmp_path)
    computed = []

    def noted(claim, check):
        computed.append(claim.id)
        return evaluated(claim, check)

    evaluated = evaluation._evaluated
    monkeypatch.setattr(evaluation, "_evaluated", noted)
    first, second = call("S2-22"), call("S2-22")
    assert computed == ["S2-22"]
    assert first == second
    call("S2-22", "S2-25")
    assert computed == ["S2-22", "S2-25"]


def test_what_lacks_a_data_set_is_computed_again(files, call, monkeypatch):
    present = False

    def counted(case):
        if not present:
            raise checks.Missing("needs mnist; type: compendium data fetch mnist")
        return Found(9.5, "counted")

    monkeypatch.setitem(checks._CHECKS[checks.__name__], "counted", checks.Check(counted, "data"))
    files(test=[ROW | {"kind": "data", "value": 9.5, "check": "counted"}])
    assert "undecided: needs mnist" in call("T-1")[1]
    present = True
    assert "found in the data" in call("T-1")[1]


def test_rows_are_printed_as_json(call):
    _, shown, _ = call("--json", "S2-22", "S2-25")
    first, second = json.loads(shown)
    assert (first["published"], first["kind"], first["headline"]) == (0.9954, "training", True)
    assert first["margin"] == 0.02
    assert first["interval"][0] < first["ours"] < first["interval"][1]
    assert {"claim", "conditions", "verdict", "rule", "would_change"} <= set(second)


def test_without_arguments_the_headlines_are_shown(call, files):
    files(test=[ROW, ROW | {"id": "T-2", "rank": "headline", "label": "nine", "claim": "It is nine."}])
    _, shown, _ = call()
    assert "T-2" in shown
    assert "undecided" in shown
    assert "T-1" not in shown
    assert "T-1" in call("--paper", "test")[1]
    assert "T-1" in call("--kind", "training")[1]
    assert "no such claim" in call("--kind", "data")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["S2-222"], 'no claim "S2-222"; did you mean "S2-22"? (of '),
        (["--paper", "tunning"], 'no paper "tunning"; did you mean "tuning"?'),
        (["--verdict", "reproducd"], 'no verdict "reproducd"; did you mean "reproduced"?'),
        (["--kind", "trained"], 'no kind "trained"; did you mean "training"?'),
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
