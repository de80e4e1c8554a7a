"""Take in what was handed in: of each entry at the top of a folder its notebook, or why it has none.

Nothing of a submission is run here. Of archives, members are read one at a time, no further than the limits
below, and kept under names of our own.
"""

import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO

import yaml

from compendium.errors import UsageError, one_line
from compendium.labs.cage import MB
from compendium.labs.source import Lab

MOST_OF_A_NOTEBOOK = 50 * MB
MOST_PARSED = 10 * MB  # to see which lab a notebook is of
MOST_OF_AN_ARCHIVE = 200 * MB  # packed; and unpacked, as much for all archives of an entry together
MOST_FILES = 10_000  # of an entry
MOST_NOTEBOOKS = 100  # of an entry
DEEPEST = 3  # archives in archives
HEAD = 2**16  # bytes in which a notebook without its suffix is recognised
NAMED = 3  # files that a line names, where there are more

RUBBISH = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints", "__pycache__", ".git"}
METADATA = "submission_metadata.yml"  # Gradescope's, beside the submissions
OTHER_ARCHIVES = {".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"}
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA can ask for any memory

_MOODLE = re.compile(r"(?P<student>.+?)_(?P<identifier>\d{1,20})_assignsubmission_[a-z]+(_.*)?", re.DOTALL)
_CANVAS = re.compile(
    r"(?P<student>[^\W\d_]+)_(?P<late>LATE_)?(?P<identifier>\d{2,20})_(?P<sequence>\d{3,20})_.+", re.DOTALL
)
_SUFFIXES = re.compile(r"(\.(ipynb|json|txt|zip|py))+( ?\(\d+\))?$", re.IGNORECASE)
_GRADESCOPE = re.compile(r"submission_(?P<identifier>\d{1,20})")


@dataclass(frozen=True)
class Submission:
    """A notebook that was handed in, or an entry without one.

    Attributes:
        file: where it lies in the folder; in an archive, the way goes on behind the archive's name.
        student, identifier: as the entry's name or the roster has them; of a group, with ", " between.
        sequence, time: by which the newest is found: Canvas's number, seconds since 1970.
        late: whether the entry's name says so.
        lab: its name, "" if it is not known.
        path: what can be run, None if nothing can.
        sha256: of its content.
        fault: why it is not run, "" if it is.
        others: files of the same student and lab that do not count.
    """

    file: str
    student: str = ""
    identifier: str = ""
    sequence: int = 0
    time: float = 0.0
    late: bool = False
    lab: str = ""
    path: Path | None = None
    sha256: str = ""
    fault: str = ""
    others: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The file as it can be printed on a line."""
        return printable(self.file)

    @property
    def who(self) -> str:
        """The student, else the file, on a line."""
        return printable(self.student) or self.shown

    @property
    def entry(self) -> str:
        """Name of the entry at the top of the folder."""
        return self.file.split("/", 1)[0]

    @property
    def when(self) -> str:
        """Time as a table shows it."""
        try:
            shown = f"{datetime.fromtimestamp(self.time):%Y-%m-%d %H:%M}" if self.time else ""
        except (ValueError, OverflowError, OSError):  # a file may be dated in any year
            shown = ""
        return ", ".join(filter(None, [shown, "late" if self.late else ""]))

    @property
    def rank(self) -> tuple:
        """By which the one of a student's submissions that counts is the greatest."""
        return not self.fault, self.sequence, self.time, _natural(self.file)


def submissions(
    folder: Path, unpacked: Path, labs: Mapping[str, Lab], chosen: str = "", left_out: Iterable[Path] = ()
) -> list[Submission]:
    """Return all notebooks of each entry at the top of a folder; one without a notebook says what it holds.

    Args:
        folder: with what was handed in.
        unpacked: an empty folder, for what comes out of archives; it has to stay until all are graded.
        labs: which there are, by name.
        chosen: the lab of all, "" where each is to be recognised.
        left_out: files that are no submissions, such as the roster.

    Raises UsageError for what is no folder, and for a folder that holds nothing.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder; give the folder with what was handed in, unpacked")
    ours = {path.resolve() for path in left_out}
    try:
        entries = [
            path
            for path in sorted(folder.iterdir(), key=lambda path: _natural(path.name))
            if not _rubbish(path.name) and path.name != METADATA and path.resolve() not in ours
        ]
    except OSError as fault:
        raise UsageError(f"{folder}: cannot be read ({fault.strerror}); change its permissions") from None
    if not entries:
        raise UsageError(f"{folder}: is empty; give the folder with what was handed in")
    submitters = _submitters(folder / METADATA)
    numbers = count()
    found: list[Submission] = []
    for path in entries:
        found += _of_entry(path, _Search(unpacked, numbers), labs, chosen, submitters)
    return found


def counted(found: Iterable[Submission]) -> list[Submission]:
    """Return the one that counts of each student and lab, the newest that can be run; it lists the others.

    What is of no known lab counts only where its student has handed in nothing else.
    """
    people: dict[object, dict[str, list[Submission]]] = {}
    for one in found:
        person = (one.identifier, one.student) if one.identifier else one.entry
        people.setdefault(person, {}).setdefault(one.lab, []).append(one)
    chosen = []
    for by_lab in people.values():
        rest = by_lab.pop("", []) if len(by_lab) > 1 else []
        for same in by_lab.values():
            best = max(same, key=lambda one: one.rank)
            others = sorted((one.file for one in [*same, *rest] if one is not best), key=_natural)
            chosen.append(replace(best, others=tuple(others)))
            rest = []
    return sorted(chosen, key=lambda one: _natural(one.file))


def printable(text: str) -> str:
    """Return a text without what steers a terminal or breaks a line; file names may hold anything."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def recognised(content: str, name: str, labs: Mapping[str, Lab]) -> str:
    """Return which lab a notebook is of: by the checks it imports, its tasks and answers, or its file's name.

    "" where none of these says so.
    """
    content = _sources(content)
    known = set(re.findall(r"import check_(\w+)", content)) & labs.keys()
    if len(known) == 1:
        return known.pop()
    marks = {lab.name: _marks(lab) for lab in labs.values()}
    shares = {}
    for lab, own in marks.items():
        own = own.difference(*(other for which, other in marks.items() if which != lab))
        hits = sum(re.search(mark, content) is not None for mark in own)
        shares[lab] = hits / len(own) if hits > 1 else 0.0
    best = max(shares, key=shares.get, default="")
    if best and shares[best] and list(shares.values()).count(shares[best]) == 1:
        return best
    named = {one for one in labs if re.search(rf"(?<![a-z]){one}(?![a-z])", name.lower())}
    longest = max(named, key=len, default="")
    return longest if all(one in longest for one in named) else ""


def tasks_in(path: Path, lab: Lab) -> set[int]:
    """Return the numbers of the tasks that stand in a notebook, by their heads or their checks."""
    content = _sources(path.read_text(encoding="utf-8", errors="replace"))
    return {
        task.number
        for task in lab.tasks
        if f"{task.number}: {task.title}" in content or f"check.{task.name}(" in content
    }


def _sources(content: str) -> str:
    """Return what the cells of a notebook hold; where that cannot be told, the beginning of the file."""
    if len(content) <= MOST_PARSED:
        try:
            return "\n".join("".join(cell["source"]) for cell in json.loads(content)["cells"])
        except (ValueError, TypeError, LookupError, RecursionError):
            pass
    return content[:MB]


def _marks(lab: Lab) -> set[str]:
    """Patterns of what a lab's notebook has: heads of tasks, and the names that answers are given to."""
    heads = {re.escape(f"{task.number}: {task.title}") for task in lab.tasks}
    answers = {rf"\bdef {name}\b|\b{name}\s*=[^=]" for task in lab.tasks for name in task.answers}
    return heads | answers


# --- one entry


@dataclass(frozen=True)
class _Found:
    """A file that may be a notebook: where it lies, what can be read, its time, why it cannot be run."""

    file: str
    path: Path | None
    time: float
    fault: str = ""


@dataclass
class _Search:
    """What was found in an entry so far.

    Attributes:
        unpacked: the folder for what comes out of archives.
        numbers: their names there.
        notebooks, scripts: what may be run.
        rest: what else there is, by the archive that it lies in, "" for none.
        faults: what could not be read, a line each.
        files, room: how many were looked at; bytes that may still be unpacked.
    """

    unpacked: Path
    numbers: Iterator[int]
    notebooks: list[_Found] = field(default_factory=list)
    scripts: list[_Found] = field(default_factory=list)
    rest: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    files: int = 0
    room: int = MOST_OF_AN_ARCHIVE

    def look(self, path: Path, shown: str) -> None:
        """Look at a file, or at all files below a folder; links are not followed."""
        waiting = [(path, shown)]
        while waiting and self._more():
            path, shown = waiting.pop()
            try:
                about = path.lstat()
                if stat.S_ISDIR(about.st_mode):
                    inside = sorted(os.listdir(path), key=_natural, reverse=True)
                    waiting += [(path / name, f"{shown}/{name}") for name in inside if not _rubbish(name)]
                elif not stat.S_ISREG(about.st_mode):
                    self._strange(shown)
                elif path.suffix.lower() == ".zip":
                    self._archive(path, shown, shown.rpartition("/")[2])
                else:
                    with path.open("rb") as file:
                        kind = _kind(path.name, file.read(HEAD))
                    self._take(kind, _Found(shown, path, about.st_mtime, _size_fault(about.st_size)))
            except OSError as fault:
                self._unreadable(shown, fault.strerror or "")

    def _archive(self, path: Path, shown: str, name: str, deep: int = 1) -> None:
        """Look at the members of an archive."""
        self.rest.setdefault(name, [])
        try:
            if deep > DEEPEST:
                raise ValueError(f"it lies in more than {DEEPEST - 1} others")
            _small(path)
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if not self._more():
                        return
                    self._member(archive, member, shown, name, deep)
        except Exception as fault:  # of any kind, since an archive may hold anything
            self._unreadable(shown, one_line(fault) or type(fault).__name__)

    def _member(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str, name: str, deep: int
    ) -> None:
        way = _name_of(member)
        inside = PurePosixPath(way)
        if member.is_dir() or any(map(_rubbish, inside.parts)):
            return
        if stat.S_ISLNK(member.external_attr >> 16):
            self.rest[name].append(f"{inside.name} (a link)")
            return
        if member.flag_bits & 1:
            raise ValueError("it is locked with a password")
        if member.compress_type not in _PACKED:
            raise ValueError("it is packed in an unusual way; pack it as a plain zip")
        nested = inside.suffix.lower() == ".zip"
        with archive.open(member) as stream:
            head = self._read(stream, HEAD)
            kind = "archive" if nested else _kind(inside.name, head)
            if kind == "other":
                self.rest[name].append(inside.name)
                return
            target = self.unpacked / f"{next(self.numbers)}{'.py' if kind == 'script' else '.ipynb'}"
            most = MOST_OF_AN_ARCHIVE if nested else MOST_OF_A_NOTEBOOK
            size = self._copy(head, stream, target, most)
        if nested:
            self._archive(target, f"{shown}/{way}", inside.name, deep + 1)
            target.unlink()
        else:
            self._take(kind, _Found(f"{shown}/{way}", target, _time_of(member), _size_fault(size)))

    def _copy(self, head: bytes, stream: IO[bytes], target: Path, most: int) -> int:
        """Write a member to a file, not more than `most` and a byte; return its size."""
        size = 0
        with target.open("wb") as file:
            block = head
            while block and size <= most:
                size += file.write(block)
                block = self._read(stream, min(MB, most + 1 - size) or 1)
        return size

    def _read(self, stream: IO[bytes], size: int) -> bytes:
        block = stream.read(size)
        self.room -= len(block)
        if self.room < 0:
            raise ValueError(f"unpacked, it is larger than {MOST_OF_AN_ARCHIVE / MB:.0f} MB")
        return block

    def _more(self) -> bool:
        """Whether one more file may be looked at."""
        self.files += 1
        if self.files == MOST_FILES:
            self.faults.append(f"of more than {MOST_FILES} files, the rest was not looked at")
        return self.files < MOST_FILES

    def _unreadable(self, shown: str, why: str) -> None:
        self.notebooks.append(_Found(shown, None, 0.0, printable(f"not graded: it cannot be read ({why})")))

    def _take(self, kind: str, found: _Found) -> None:
        if kind == "notebook" and len(self.notebooks) < MOST_NOTEBOOKS:
            self.notebooks.append(found)
        elif kind == "script" and len(self.scripts) < MOST_NOTEBOOKS and not found.fault:
            self.scripts.append(found)
        else:
            self.rest.setdefault("", []).append(found.file.rpartition("/")[2])

    def _strange(self, shown: str) -> None:
        """Note a link, a pipe or the like."""
        if "/" not in shown:
            self.notebooks.append(
                _Found(shown, None, 0.0, "not graded: it is not a file, but a link, a pipe or the like")
            )
        else:
            self.rest.setdefault("", []).append(f"{shown.rpartition('/')[2]} (a link or the like)")

    def why_none(self, name: str) -> str:
        """Say that there is no notebook, and what there is."""
        said = []
        for archive, names in self.rest.items():
            if not names:
                said.append(f"{archive} is empty")
            elif not archive and names == [name]:
                said.append("it is a file of another kind")
            else:
                said.append(f"{archive or 'it'} holds {_listed(names)}")
        said += self.faults
        if any(PurePosixPath(one).suffix.lower() in OTHER_ARCHIVES for one in self.rest.get("", [])):
            said.append("of archives, only .zip is unpacked")
        return printable("no notebook found: " + ("; ".join(said) or "it is empty"))


def _of_entry(
    path: Path, search: _Search, labs: Mapping[str, Lab], chosen: str, submitters: Mapping[str, "Submission"]
) -> list[Submission]:
    """Return the notebooks of an entry; if it has none, one submission that says why."""
    who = submitters.get(path.name) or identified(path.name)
    search.look(path, path.name)
    inner = _students_inside(search.notebooks)
    if not who.identifier and len(inner) > 1:
        why = f"not graded: it holds what {len(inner)} students handed in ({_listed(inner)})"
        return [replace(who, fault=printable(f"{why}; give that as the folder, unpacked"))]
    found = [_submission(who, one, labs, chosen) for one in search.notebooks]
    if all(one.fault for one in found):
        scripts = (_submission(who, one, labs, chosen) for one in search.scripts)
        found += [one for one in scripts if one.lab]
        for one in search.scripts:
            search.rest.setdefault("", []).append(one.file.rpartition("/")[2])
    return found or [replace(who, time=_time(path), fault=search.why_none(path.name))]


def _submission(who: Submission, found: _Found, labs: Mapping[str, Lab], chosen: str) -> Submission:
    """Return an entry's submission with what one of its notebooks says."""
    content = b""
    fault = found.fault
    if found.path and not fault:
        try:
            content = found.path.read_bytes()
        except OSError as error:
            fault = f"not graded: it cannot be read ({error.strerror})"
    text = content.decode("utf-8", "replace")
    lab = chosen or recognised(text, found.file.rpartition("/")[2].rpartition(".")[0], labs)
    if not lab and not fault:
        fault = "not graded: it does not say which lab it is of; grade it with --lab"
    return replace(
        who,
        file=found.file,
        time=who.time or found.time,
        lab=lab,
        path=None if fault else found.path,
        sha256=hashlib.sha256(content).hexdigest() if content else "",
        fault=fault,
    )


def identified(name: str) -> Submission:
    """Return who handed in an entry, as Moodle, Canvas and Gradescope name them, else by its name."""
    for shape in (_MOODLE, _CANVAS, _GRADESCOPE):
        if match := shape.fullmatch(name):
            parts = match.groupdict()
            return Submission(
                name,
                student=parts.get("student") or "",
                identifier=parts["identifier"],
                sequence=int(parts.get("sequence") or 0),
                late=bool(parts.get("late")),
            )
    return Submission(name, student=_SUFFIXES.sub("", name))


def of_moodle(entry: str) -> str:
    """Return Moodle's number of who handed in an entry, "" where Moodle did not name it."""
    match = _MOODLE.fullmatch(entry)
    return match["identifier"] if match else ""


def of_canvas(entry: str) -> str:
    """Return Canvas's number of who handed in an entry, "" where Canvas did not name it."""
    match = None if _MOODLE.fullmatch(entry) else _CANVAS.fullmatch(entry)
    return match["identifier"] if match else ""


def _students_inside(found: Iterable[_Found]) -> list[str]:
    """Return the students whom notebooks belong to by the names of their folders: it is an export itself."""
    inner = sorted({one.file.split("/")[1] for one in found if "/" in one.file})
    people = {who.identifier: who.student or who.file for who in map(identified, inner) if who.identifier}
    return list(people.values())


class _Lenient(yaml.SafeLoader):
    """YAML as Ruby writes it, whose own kinds of value are left out."""


_Lenient.add_multi_constructor("!", lambda loader, suffix, node: None)


def _submitters(path: Path) -> dict[str, Submission]:
    """Return who handed in each entry, by its name, as Gradescope's metadata say, if there are any."""
    try:
        told = yaml.load(path.read_text(encoding="utf-8"), _Lenient)
        return {str(name): _submitter(str(name), about) for name, about in told.items()}
    except (OSError, ValueError, AttributeError, TypeError, LookupError, yaml.YAMLError):
        return {}


def _submitter(name: str, about: Mapping) -> Submission:
    people = [{str(key).strip(":"): value for key, value in one.items()} for one in about[":submitters"]]
    identifiers = [str(one.get("sid") or one.get("email") or "") for one in people]
    made = about.get(":created_at")
    who = identified(name)
    return replace(
        who,
        student=", ".join(str(one.get("name") or "") for one in people),
        identifier=", ".join(filter(None, identifiers)) or who.identifier,
        time=made.timestamp() if isinstance(made, datetime) else 0.0,
    )


# --- small things


def _kind(name: str, head: bytes) -> str:
    """Return "notebook", "script" or "other", by a file's suffix or by its first bytes."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".ipynb":
        return "notebook"
    if suffix == ".py":
        return "other" if name.startswith("check_") else "script"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "notebook" if start.startswith(b"{") and b'"cells"' in head else "other"


def _size_fault(size: int) -> str:
    if size > MOST_OF_A_NOTEBOOK:
        return f"not graded: it is larger than {MOST_OF_A_NOTEBOOK / MB:.0f} MB"
    return "" if size else "not graded: it is empty"


def _small(path: Path) -> None:
    """Raise ValueError for an archive that is not to be opened, for what it would take to list its files."""
    if path.stat().st_size > MOST_OF_AN_ARCHIVE:
        raise ValueError(f"it is larger than {MOST_OF_AN_ARCHIVE / MB:.0f} MB")
    files, end = 0, b""
    with path.open("rb") as file:
        while block := file.read(MB):
            files += (end + block).count(b"PK\x01\x02")
            end = block[-3:]
    if files > MOST_FILES:
        raise ValueError(f"it holds more than {MOST_FILES} files")


def _name_of(member: zipfile.ZipInfo) -> str:
    """Return a member's name; macOS writes UTF-8 and does not say so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _time_of(member: zipfile.ZipInfo) -> float:
    try:
        return datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError, OSError):  # an archive may hold any numbers
        return 0.0


def _time(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _rubbish(name: str) -> bool:
    """Whether systems and editors leave such a file behind."""
    return name in RUBBISH or name.startswith("._")


def _listed(names: Sequence[str]) -> str:
    """Return some names as a part of a sentence."""
    shown, more = list(names[:NAMED]), len(names) - NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key by which 2 comes before 10."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", text)
    return [(0, int(one), "") if one.isdigit() and len(one) < 100 else (1, 0, one) for one in pieces]
