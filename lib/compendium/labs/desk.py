"""A page on this machine alone, on which a person reads answers and gives points and comments."""

import secrets
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs

from compendium.errors import CompendiumError, UsageError
from compendium.labs import hand
from compendium.labs.hand import Given
from compendium.labs.source import Lab, Task
from compendium.labs.table import PAGES, Book, Marked, Record

MOST_TYPED = 10**6  # bytes of a form
_SCRIPT = (Path(__file__).parent / "desk.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """What one student handed in for a task, and what it got."""

    record: Record
    marked: Marked


def serve(out: Path, tell: Callable[[str], None], *, show: bool = True) -> None:
    """Serve the pages until the command is interrupted.

    Args:
        out: the folder of grades.
        tell: called with the address.
        show: whether a browser is opened on it.

    Raises UsageError for a folder without grades, and for a `hand.csv` that is not well formed.
    """
    with server(out) as served:
        address = f"http://127.0.0.1:{served.server_port}/{served.token}/"
        tell(f"{address}  (Ctrl-C ends it; what was typed is in {out / hand.FILE})")
        if show:
            webbrowser.open_new_tab(address)
        served.serve_forever()


def server(out: Path) -> "_Server":
    """Return the server of a folder of grades, which listens on this machine alone."""
    return _Server(Book.graded(out))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, book: Book) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = secrets.token_urlsafe(24)
        self.book, self.labs, self.lock = book, book.labs, Lock()

    def answers(self, lab: Lab, task: Task) -> list[Answer]:
        """Return all answers to a task: first those to be read, each by the student's name."""
        found = []
        for record in self.book.records.values():
            if record.grade.lab == lab:
                for marked in self.book.marked(record.submission, record.grade):
                    if marked.mark.task.number == task.number:
                        found.append(Answer(record, marked))
        return sorted(found, key=lambda one: (one.marked.points is not None, one.record.submission.who))

    def tasks(self) -> Iterator[dict[str, object]]:
        """Yield each task that somebody has handed in, with the number of answers, all and unread."""
        for lab in self.labs.values():
            for task in lab.tasks:
                if answers := self.answers(lab, task):
                    unread = sum(one.marked.points is None for one in answers)
                    yield {"lab": lab, "task": task, "answers": len(answers), "unread": unread}

    def take(self, lab: Lab, task: Task, form: Mapping[str, str]) -> None:
        """Keep what was typed for an answer; raises UsageError for points that cannot be given."""
        with self.lock:
            for one in self.answers(lab, task):
                if one.record.submission.file == form.get("file"):
                    points = hand.points_of("points", form.get("points", "").strip(), task.points)
                    given = Given(points, form.get("comment", "").strip(), one.marked.digest)
                    self.book.give({one.marked.key: given})
                    return
        raise UsageError("this answer is no longer there; load the page again")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        match self._place():
            case (None, None):
                tasks = list(self.server.tasks())
                self._page(tasks=tasks, unread=sum(one["unread"] for one in tasks))
            case (lab, task):
                self._page(lab=lab, task=task, answers=self.server.answers(lab, task))
            case None:
                self._send(404, "there is nothing here; take the address that the command prints")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        place = self._place()
        if place in (None, (None, None)) or not 0 < size <= MOST_TYPED:
            self._send(404, "there is nothing here; take the address that the command prints")
            return
        typed = parse_qs(self.rfile.read(size).decode(errors="replace"), keep_blank_values=True)
        try:
            self.server.take(*place, {name: values[0] for name, values in typed.items()})
        except CompendiumError as fault:
            self._send(400, f"Not saved: {fault}")
        else:
            self._send(303, "", location=self.path)

    def _place(self) -> tuple[Lab, Task] | tuple[None, None] | None:
        """Return the lab and the task of the address, none of them for the first page; None elsewhere."""
        _, token, *rest = self.path.split("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            return None
        match rest:
            case [""]:
                return None, None
            case [name, number] if name in self.server.labs:
                lab = self.server.labs[name]
                return next(((lab, task) for task in lab.tasks if str(task.number) == number), None)
        return None

    def _page(self, **content: object) -> None:
        nonce = secrets.token_urlsafe(16)
        page = PAGES.get_template("desk.html").render(script=_SCRIPT, nonce=nonce, code={}, **content)
        policy = (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'"
        )
        rest = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        self._send(200, page, kind="text/html", policy=f"{policy}; {rest}")

    def _send(
        self,
        status: int,
        text: str,
        *,
        kind: str = "text/plain",
        policy: str = "default-src 'none'",
        location: str = "",
    ) -> None:
        content = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing of each request."""
