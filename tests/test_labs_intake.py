"""What is handed in, in the shapes that learning platforms and students give it: nobody is lost."""

import io
import json
import os
import zipfile

import nbformat
import pytest
from tiny_lab import GOOD, LAB
from tiny_notebooks import notebook_of, write_notebook

from compendium.errors import UsageError
from compendium.labs import intake, roster, source

TINY = nbformat.writes(notebook_of(*GOOD)).encode()
OTHER = nbformat.writes(notebook_of("import check_other")).encode()


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    """Two labs, of which the second has other tasks."""
    folder = tmp_path_factory.mktemp("labs")
    other = LAB
    for ours, theirs in {"double": "halve", "observed": "seen", "measure": "gauge", "why": "reason"}.items():
        other = other.replace(ours, theirs)
    other = other.replace('"title": "', '"title": "Other ')
    (folder / "tiny.md").write_text(LAB, encoding="utf-8")
    (folder / "other.md").write_text(other, encoding="utf-8")
    return {name: source.read(folder / f"{name}.md") for name in ("tiny", "other")}


@pytest.fixture
def take(labs, tmp_path):
    """Put files into a folder and take them in; return what counts."""

    def taken(files, chosen=""):
        folder = tmp_path / "in"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            else:
                path.write_bytes(content)
        unpacked = tmp_path / "unpacked"
        unpacked.mkdir(exist_ok=True)
        return intake.counted(intake.submissions(folder, unpacked, labs, chosen))

    return taken


def zipped(files, kind=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def script(*cells, mark="# %%"):
    return "\n\n".join(f"{mark}\n{cell}" for cell in cells).encode()


FOUND = {
    "folder": {"anna/tiny.ipynb": TINY},
    "deep folder": {"anna/a/b/c/d/tiny.ipynb": TINY},
    "zip": {"anna.zip": zipped({"tiny/tiny.ipynb": TINY})},
    "zip in a folder": {"anna/tiny.ZIP": zipped({"tiny.ipynb": TINY})},
    "zip in a zip": {"anna.zip": zipped({"one.zip": zipped({"tiny.ipynb": TINY})})},
    "stored zip": {"anna.zip": zipped({"tiny.ipynb": TINY}, zipfile.ZIP_STORED)},
    "capitals": {"anna.IPYNB": TINY},
    "json": {"anna.ipynb.json": TINY},
    "only json": {"anna.json": TINY},
    "text": {"anna.ipynb.txt": TINY},
    "a browser's second download": {"anna.ipynb (1)": TINY},
    "byte order mark": {"anna.json": b"\xef\xbb\xbf" + TINY},
    "no import": {"anna.ipynb": nbformat.writes(notebook_of("import numpy as np", *GOOD[1:])).encode()},
    "Jupytext": {"anna.py": script(*GOOD)},
    "nbconvert": {"anna/export.py": script(*GOOD, mark="# In[1]:")},
    "whole lab": {
        "anna.zip": zipped(
            {
                "tiny/tiny.ipynb": TINY,
                "tiny/check_tiny.py": b"import check_tiny",
                "tiny/README.md": b"hello",
                "tiny/compendium.whl": zipped({"tiny.ipynb": OTHER}),
                "tiny/.ipynb_checkpoints/tiny-checkpoint.ipynb": OTHER,
                "__MACOSX/tiny/._tiny.ipynb": b"\0\5\x16\7",
                "tiny/.DS_Store": b"\0",
            }
        )
    },
    "beside other things": {
        "anna/tiny.ipynb": TINY,
        "anna/tiny.html": b"<html>",
        "anna/notes.docx": zipped({"a": b""}),
    },
    "a way out": {"anna.zip": zipped({"../../../../tmp/tiny.ipynb": TINY, "/etc/passwd": b"x"})},
}


@pytest.mark.parametrize("shape", FOUND)
def test_notebook_is_found(take, shape):
    (one,) = take(FOUND[shape])
    assert (one.lab, one.fault) == ("tiny", "")
    assert one.path.exists()
    assert one.student == "anna"


DOCX = zipped({"word/document.xml": b"<x/>"})
NONE = {
    "empty folder": ({"anna": None}, "it is empty"),
    "empty folders": ({"anna/a/b": None}, "it is empty"),
    "document": ({"anna.docx": DOCX}, "it is a file of another kind"),
    "HTML": ({"anna/tiny.html": b"<html>", "anna/a.pdf": b"%PDF"}, "it holds a.pdf and tiny.html"),
    "document in a zip": ({"anna/my.zip": zipped({"my.docx": DOCX})}, "my.zip holds my.docx"),
    "empty zip": ({"anna.zip": zipped({})}, "anna.zip is empty"),
    "Moodle's text": ({"A_7_assignsubmission_onlinetext_/text.html": b"<p>"}, "it holds text.html"),
    "many": ({f"anna/{n}.png": b"x" for n in range(6)}, "it holds 0.png, 1.png, 2.png and 3 more"),
    "another archive": ({"anna/a.rar": b"Rar!"}, "it holds a.rar; of archives, only .zip is unpacked"),
    "no lab's script": ({"anna/a.py": b"x = 1"}, "it holds a.py"),
    "what was handed out": ({"anna/check_tiny.py": b"import check_tiny"}, "it holds check_tiny.py"),
}


@pytest.mark.parametrize("shape", NONE)
def test_entry_without_a_notebook_says_what_it_holds(take, shape):
    files, said = NONE[shape]
    (one,) = take(files)
    assert one.fault == f"no notebook found: {said}"
    assert one.path is None


def locked():
    """A zip whose member is marked as encrypted."""
    made = bytearray(zipped({"tiny.ipynb": TINY}))
    made[made.index(b"PK\1\2") + 8] |= 1
    made[6] |= 1
    return bytes(made)


HOSTILE = {
    "no zip": (b"PK\3\4 not really", "not graded: it cannot be read"),
    "cut off": (zipped({"tiny.ipynb": TINY})[:-40], "not graded: it cannot be read"),
    "locked": (locked(), "locked with a password"),
    "too deep": (zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({})})})}), "more than 2 others"),
    "LZMA": (zipped({"tiny.ipynb": TINY}, zipfile.ZIP_LZMA), "packed in an unusual way"),
    "large notebook": (zipped({"tiny.ipynb": bytes(51 * 2**20)}), "not graded: it is larger than 50 MB"),
    "bomb": (
        zipped({f"{n}.zip": zipped({"tiny.ipynb": bytes(49 * 2**20)}) for n in range(6)}),
        "unpacked, it is larger than 200 MB",
    ),
    "many files": (zipped({f"{n}.txt": b"" for n in range(10_001)}), "it holds more than 10000 files"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_is_a_row_and_writes_little(take, tmp_path, name):
    content, said = HOSTILE[name]
    found = take({"anna.zip": content, "bert.ipynb": TINY}, chosen="tiny")
    anna, bert = found
    assert bert.path
    assert bert.student == "bert"
    assert any(said in text for text in (anna.fault, *anna.others)) or name == "bomb", anna
    written = sum(path.stat().st_size for path in (tmp_path / "unpacked").iterdir())
    assert written <= intake.MOST_OF_AN_ARCHIVE
    assert not [path for path in tmp_path.iterdir() if path.name not in {"in", "unpacked"}]


MOODLE = "Ärger 🙂 O'Neil-Ng_101_assignsubmission_file_"
NAMES = {
    f"{MOODLE}/tiny.ipynb": ("Ärger 🙂 O'Neil-Ng", "101", False),
    "Surname First_102_assignsubmission_file_tiny.ipynb": ("Surname First", "102", False),
    "surnamefirst_LATE_12345_67890_tiny-1.ipynb": ("surnamefirst", "12345", True),
    "surnamefirst_12345_67890_tiny.ipynb": ("surnamefirst", "12345", False),
    "submission_123456789/tiny.ipynb": ("", "123456789", False),
    "lab_1_2_tiny.ipynb": ("lab_1_2_tiny", "", False),
    "two\nlines.ipynb": ("two\nlines", "", False),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_learning_platforms(take, name):
    (one,) = take({name: TINY})
    assert (one.student, one.identifier, one.late) == NAMES[name]
    assert one.when.endswith(", late") == one.late


GRADESCOPE = b"""
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '77'
    :email: ada@example.org
  - :name: Alan Turing
    :sid: '78'
  :created_at: 2026-11-30 12:00:00.000000000 Z
  :score: !ruby/object:BigDecimal 18:0.1e1
submission_2:
  :submitters:
  - :name: Ada Lovelace
    :sid: '77'
  :created_at: 2026-11-30 11:00:00.000000000 Z
"""


def test_gradescope_says_who_and_when(take):
    pair, alone = take(
        {"submission_metadata.yml": GRADESCOPE, "submission_1/a.ipynb": TINY, "submission_2/a.ipynb": TINY}
    )
    assert (pair.student, pair.identifier) == ("Ada Lovelace, Alan Turing", "77, 78")
    assert (alone.student, alone.identifier) == ("Ada Lovelace", "77")
    assert pair.time - alone.time == 3600


def test_newest_counts_and_the_others_are_listed(take, tmp_path):
    files = {
        "anna/tiny.ipynb": TINY,
        "anna/tiny-2.ipynb": TINY,
        "anna/new.ipynb": b"",
        "anna/scratch.ipynb": nbformat.writes(notebook_of("x = 1")).encode(),
        "surname_1000_2001_tiny.ipynb": TINY,
        "surname_1000_2002_tiny-1.ipynb": TINY,
        "surname_1001_2003_tiny.ipynb": TINY,
        "B_7_assignsubmission_file_/tiny.ipynb": TINY,
        "B_7_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
    }
    take(files)
    os.utime(tmp_path / "in/anna/tiny.ipynb", (10**9, 10**9))
    moodle, anna, first, other = take({})
    assert anna.file == "anna/tiny-2.ipynb"
    assert anna.others == ("anna/new.ipynb", "anna/scratch.ipynb", "anna/tiny.ipynb")
    assert (first.file, first.others) == ("surname_1000_2002_tiny-1.ipynb", ("surname_1000_2001_tiny.ipynb",))
    assert (other.identifier, other.others) == ("1001", ())
    assert moodle.others == ("B_7_assignsubmission_onlinetext_",)


def test_a_student_has_a_row_for_each_lab(take):
    found = take({"anna.zip": zipped({"a.ipynb": TINY, "b.ipynb": OTHER})})
    assert sorted(one.lab for one in found) == ["other", "tiny"]


def test_lab_follows_from_content_whatever_the_file_is_called(labs):
    renamed = nbformat.writes(notebook_of("import numpy as np", *GOOD[1:]))
    assert intake.recognised(renamed, "other", labs) == "tiny"
    assert intake.recognised("x = 1", "my other lab", labs) == "other"
    assert intake.recognised("x = 1", "tiny-other", labs) == ""
    assert (
        intake.recognised(json.dumps({"cells": [{"source": ["import check_", "tiny"]}]}), "", labs) == "tiny"
    )


def test_links_are_not_followed(take, tmp_path):
    (tmp_path / "secret.ipynb").write_bytes(TINY)
    write_notebook(tmp_path / "in/bert.ipynb", *GOOD)
    (tmp_path / "in/anna").mkdir()
    (tmp_path / "in/anna/a.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (tmp_path / "in/carl.ipynb").symlink_to(tmp_path / "secret.ipynb")
    anna, bert, carl = take({})
    assert anna.fault == "no notebook found: it holds a.ipynb (a link or the like)"
    assert carl.fault == "not graded: it is not a file, but a link, a pipe or the like"
    assert bert.path


def test_export_in_the_folder_is_told_and_no_submission_of_it_is_taken_for_another(take):
    files = {f"S{n}_10{n}_assignsubmission_file_/tiny.ipynb": TINY for n in range(3)}
    export, anna = take(
        {"export.zip": zipped(files), "anna_9_assignsubmission_file_/a.zip": zipped(files)}, chosen="tiny"
    )[::-1]
    assert export.fault == (
        "not graded: it holds what 3 students handed in (S0, S1 and S2); give that as the folder, unpacked"
    )
    assert anna.identifier == "9"


def test_wrong_folder_is_a_line(labs, tmp_path):
    with pytest.raises(UsageError, match="is not a folder"):
        intake.submissions(tmp_path / "no", tmp_path, labs)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/.DS_Store").touch()
    with pytest.raises(UsageError, match="is empty"):
        intake.submissions(tmp_path / "in", tmp_path, labs)


ROSTERS = {
    "plain": b"identifier,name\n101,Ada Lovelace\n102,Alan Turing\n103,Grace Hopper\n",
    "Excel": b"\xef\xbb\xbfMatrikelnummer;Nachname;Vorname\r\n101;Lovelace;Ada\r\n102;Turing;Alan\r\n"
    b"103;Hopper;Grace\r\n",
    "Moodle": b'Identifier,"Full name","Email address"\n"Participant 101","Ada Lovelace",a@x.org\n'
    b"Participant 102,Alan Turing,b@x.org\nParticipant 103,Grace Hopper,c@x.org\n",
    "Canvas": b'Student,ID,Section\n"    Points Possible",,\n"Lovelace, Ada",101,1\n"Turing, Alan",102,1\n'
    b'"Hopper, Grace",103,1\n',
    "UTF-16": "ID\tName\n101\tAda Lovelace\n102\tAlan Turing\n103\tGrace Hopper\n".encode("utf-16"),
}


@pytest.mark.parametrize("shape", ROSTERS)
def test_roster_gives_names_and_says_who_is_missing(take, tmp_path, shape):
    (tmp_path / "roster.csv").write_bytes(ROSTERS[shape])
    people = roster.read(tmp_path / "roster.csv")
    found = take(
        {"Lovelace Ada_101_assignsubmission_file_/a.ipynb": TINY, "b_102/a.ipynb": TINY, "x.ipynb": TINY}
    )
    found, missing, strangers = roster.joined(found, people)
    assert [one.identifier.removeprefix("Participant ") for one in found] == ["101", "102", ""]
    assert "Turing" in found[1].student
    assert ["Hopper" in one.who for one in missing] == [True]
    assert [one.file for one in strangers] == ["x.ipynb"]


def test_roster_knows_people_by_name_where_the_platform_has_other_numbers(take, tmp_path):
    path = tmp_path / "roster.csv"
    rows = "username,Surname,First name\nal,Lovelace,Ada\njm,Müller,Jörg\njd,Müller,Dörte\n"
    path.write_text(rows, encoding="utf-8")
    names = (
        "Jörg Müller_9_assignsubmission_file_/t.ipynb",
        "Müller.ipynb",
        "lovelaceada_12345_67890_t.ipynb",
    )
    found = take(dict.fromkeys(names, TINY))
    found, missing, strangers = roster.joined(found, roster.read(path))
    assert {one.identifier for one in found} == {"al", "jm", ""}
    assert [one.identifier for one in missing] == ["jd"]
    assert [one.student for one in strangers] == ["Müller"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "none of its columns"),
        (b"colour,shape\nred,round\n", r"none of its columns \(colour, shape\) identifies a student"),
        (b"identifier,name\n", "nobody is in it"),
        (b"identifier\n\x00\xff\xfe\x81\n", "nobody|not text|not CSV"),
        (None, "cannot be read"),
    ],
)  # fmt: skip
def test_wrong_roster_is_a_line(tmp_path, content, said):
    path = tmp_path / "roster.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        roster.read(path)
