"""The fixed words of labs: one file for each language, whole, and told in a line where it is not."""

import re

import pytest
from tiny_lab import LAB

from compendium import phrases, project
from compendium.errors import CompendiumError, UsageError
from compendium.labs import cage, checking, editions, rehearsal, source, trial

LANGUAGES = sorted(path.stem for path in phrases.FOLDER.glob("*.toml"))


@pytest.fixture
def german(tmp_path):
    (tmp_path / "tiny.md").write_text(LAB.replace("number: 1", "number: 1\nlanguage: de"), encoding="utf-8")
    return source.read(tmp_path / "tiny.md")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_whole_and_no_phrase_of_it_is_english(language):
    translated, english = phrases.of(language), phrases.of("en")
    assert translated.keys() == english.keys()
    assert re.fullmatch(r"\w+", translated["task"])  # the grader finds a task by its head
    assert len(translated["ordinals"].split()) == len(english["ordinals"].split())
    if language != "en":
        same = {key for key in english if english[key] == translated[key]}
        assert same <= {"title"}


def test_every_phrase_is_said_somewhere():
    files = [path for pattern in ("*.py", "*.html") for path in project.PACKAGE.rglob(pattern)]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    kinds = {f"kind_{kind}" for kind in checking.KINDS}
    said = set(re.findall(r"[\"'](\w+)[\"']", code)) | kinds
    assert [key for key in phrases.of("en") if key.removeprefix("doctor_") not in said] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('hint = "Hinweis"\n', "", "de.toml: no hint, which is in English 'Hint'"),
        ("hint =", "hnit =", 'de.toml: no phrase "hnit"; did you mean "hint"'),
        (
            "{least} bis",
            "{last} bis",
            "de.toml: range needs the braces {least}, {most}, it has {last}, {most}",
        ),
        ("{least} bis", "{least bis", "de.toml: range needs the braces {least}, {most}, it has {...}"),
        ('"Hinweis"', "Hinweis", "de.toml: Invalid value (at line"),
        ('"Hinweis"', "7", "de.toml: hint is no text"),
    ],
)
def test_a_fault_of_a_translation_is_told_in_a_line(tmp_path, monkeypatch, old, new, said):
    for path in phrases.FOLDER.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(
            text.replace(old, new) if path.stem == "de" else text, encoding="utf-8"
        )
    monkeypatch.setattr(phrases, "FOLDER", tmp_path)
    phrases.of.cache_clear()
    try:
        with pytest.raises(CompendiumError) as refused:
            phrases.of("de")
    finally:
        phrases.of.cache_clear()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_language_that_is_none():
    with pytest.raises(UsageError, match='no language "fr"'):
        phrases.say("fr", "hint")


def test_all_that_students_read_of_a_german_lab_is_german(german):
    handed_out = "\n".join(cell.source for cell in editions.student(german, {}).cells)
    for words in (
        "## Aufgabe 1: Double",
        "Code schreiben · 5 Minuten · 3 Punkte",
        german.say("not_written", name="double"),
        german.say("hand_in", notebook="tiny.ipynb"),
        'doctor.report("de")',
    ):
        assert words in handed_out
    for phrase in phrases.of("en").values():
        if len(longest := max(re.split(r"\{\w+\}", phrase), key=len)) > 8:
            assert longest not in handed_out, phrase


@pytest.mark.needs("cage")
def test_a_german_lab_passes_its_trial_whatever_the_language_of_hints_that_are_expected(german, tmp_path):
    head, first, *rest = (tmp_path / "tiny.md").read_text(encoding="utf-8").split("+++")
    for hint in ("gave None", "ergab None"):
        wrong = f"---\nrole: wrong\nhint: {hint}\n---\ndef double(image):\n    print(image)"
        first_with = f"{first}\n```{{code-cell}}\n{wrong}\n```\n\n"
        (tmp_path / "heard.md").write_text("+++".join([head, first_with, *rest]), encoding="utf-8")
        assert rehearsal.rehearse(source.read(tmp_path / "heard.md")).faults == []
    trial.require(german, tmp_path, cage.Limits(seconds=150, memory=700 * cage.MB), pytest.fail)


def test_a_german_check_speaks_german_beside_an_english_one(german, tmp_path, capsys):
    assert rehearsal.rehearse(german).faults == []
    names = {}
    exec(german.check_module, names)
    names["double"](lambda image: image)
    assert capsys.readouterr().out == (
        "Aufgabe 1: noch nicht. That is not twice the image. "
        "`double(<Array 4 x 5, überall 0.5>)` ergab <Array 4 x 5, überall 0.5>.\n"
    )
    names["prediction"](...)
    open_task = german.say("not_answered", name="observed")
    assert capsys.readouterr().out == f"Aufgabe 2: noch nicht. {open_task}\n"
    (tmp_path / "tiny.md").write_text(LAB, encoding="utf-8")
    exec(source.read(tmp_path / "tiny.md").check_module, names)
    names["double"](lambda image: None)
    assert "Task 1: not yet. `double(<array 4 x 5, all 0.5>)` gave None" in capsys.readouterr().out
