"""A site of scripts that must not notice each other, and a client that asks for them.

The scripts are in tests/cases/isolation; its README says how they are written down.
"""

import http.client
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.cgi_child import post, upload
from tests.live import ROOT
from tests.live_site import Client, Reply, Site

CASES = ROOT / "tests/cases/isolation"
# The folders that the scripts are spread over; their local modules have equal names.
APPS = 8
# How many different requests are sent to a script.
WORDS = 5
# Tells the process id of the worker.
PID = "import os\nprint('Content-Type: text/plain\\n\\n', os.getpid())\n"
CONFIG = """\
listen: ["127.0.0.1:0"]
threads: 50
queue: 256
sites:
  - docroot: htdocs
    scripts: [{url: /cgi-bin/, path: cgi-bin, runner: thread}]
log:
  access: {path: access.log}
  error: {path: error.log}
"""

_LOCAL_FILES = {
    "config.py": 'NAME = "config of {app}"\n',
    "counter.py": (
        "names = []\n\n\ndef next_one():\n"
        "    names.append('{app}')\n    return len(names), names[-1]\n"
    ),
    "holder.py": (
        "import os\nfrom os import environ\n\n\ndef by_name():\n"
        "    return environ['QUERY_STRING'], '{app}'\n\n\ndef by_module():\n"
        "    return os.environ['QUERY_STRING'], '{app}'\n"
    ),
    "helpers/__init__.py": "",
    "helpers/names.py": (
        "import helpers.numbers as numbers\nfrom . import numbers as again\n\n"
        "PLACE = 'names of {app}', numbers is again\n\n\n"
        "def count():\n    return numbers.count()\n"
    ),
    "helpers/numbers.py": (
        "_calls = []\n\n\ndef count():\n    _calls.append(1)\n    return len(_calls)\n"
    ),
    "data.txt": "data of {app}\n",
}
# A stand-in for a module of the standard library, in every second folder.
_SHADOW = {"colorsys.py": 'NAME = "{app} has its own"\n'}

_SECTION = re.compile(
    r"^### (!?)(\w+)(?: POST (\w+))?( fails)?(?:: (.*))?$", re.MULTILINE
)
# What differs from one run to the next: addresses, times, run ids, names of temporary
# files and of threads.
_VOLATILE = re.compile(
    rb"0x[0-9a-f]+|\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}|Request [\w.:-]+"
    rb"|Thread-\d+|ThreadPoolExecutor-\d+_\d+|/tmp[\w]{8}\b|\bpid \d+"
)
# Where the server puts the end of a body depends on when the script's output came.
_FRAMING = {"content-length", "transfer-encoding", "date", "connection", "keep-alive"}
_SCRIPT_LINE = re.compile(rb"\[\S+ (/cgi-bin/\S+) \S+\] (.*)$")
_IMPORT_COMPLAINT = re.compile(rb"'cgi(tb)?' is deprecated|^  import .*\bcgi")


class IsolationScript(NamedTuple):
    """A script; ``body`` names what is sent to it."""

    name: str
    source: str
    body: str | None
    fails: bool


class Question(NamedTuple):
    """One request, of which there are WORDS for each script."""

    name: str
    target: str
    body: bytes | None
    fields: tuple[str, ...]


def read_scripts() -> list[IsolationScript]:
    """Return all scripts of the case files, in a fixed order."""
    head = (CASES / "head.txt").read_text("utf-8")
    scripts = []
    for file in sorted(CASES.glob("*.txt")):
        _, *parts = _SECTION.split(file.read_text("utf-8"))
        for section in zip(*[iter(parts)] * 6, strict=True):
            bare, name, body, fails, variants, source = section
            text = source if bare else f"{head}{source}"
            for number, variant in enumerate((variants or "-").split(" | ")):
                full_name = f"{file.stem}_{name}_{number}"
                made = text.replace("HOW", variant).strip() + "\n"
                scripts.append(IsolationScript(full_name, made, body, bool(fails)))
    return scripts


def write_site(folder: Path, scripts: list[IsolationScript]) -> None:
    """Write the files that the scripts need, and the scripts."""
    for number in range(APPS):
        app = f"app{number}"
        files = {**_LOCAL_FILES, **(_SHADOW if number % 2 else {})}
        for name, text in files.items():
            _write(folder / "cgi-bin" / app / name, text.replace("{app}", app))
    _write(folder / "cgi-bin/library/shelf.py", 'NAME = "from the library"\n')
    _write(folder / "cgi-bin/pid.py", PID)
    _write(folder / "htdocs/page.txt", "a page\n")
    for number, script in enumerate(scripts):
        _write(folder / _locate(number, script), script.source)


def _locate(number: int, script: IsolationScript) -> str:
    return f"cgi-bin/app{number % APPS}/{script.name}.py"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make_questions(scripts: list[IsolationScript]) -> list[Question]:
    """Return the requests: those of one script follow each other."""
    questions = []
    for number, script in enumerate(scripts):
        for turn in range(WORDS):
            word = f"w{number}-{turn}"
            body, content_type = make_body(script.body, word)
            fields = [f"Cookie: sid=sid-{word}"]
            if content_type:
                fields.append(f"Content-Type: {content_type}")
            target = f"/{_locate(number, script)}?{word}"
            questions.append(Question(script.name, target, body, tuple(fields)))
    return questions


def make_body(kind: str | None, word: str) -> tuple[bytes | None, str]:
    """Return a request body of that kind, and its media type."""
    match kind:
        case None:
            return None, ""
        case "urlencoded":
            body = post("/", name=word, other=["a", word]).body
            return body, "application/x-www-form-urlencoded"
        case "multipart":
            case = upload("/", **{f"{word}.txt": word.encode() * 100})
            return case.body, case.fields["Content-Type"]
        case "json":
            return b'{"word": "%s", "more": [1, 2]}' % word.encode(), "application/json"
        case "latin":
            return b"caf\xe9 " + word.encode(), "text/plain; charset=iso-8859-1"
        case "binary":
            return b"\0\xff\n" + word.encode() * 3, "application/octet-stream"
    raise ValueError(f"no such kind of body: {kind}")


class Answer(NamedTuple):
    """What must not depend on what else the server does."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes


class Asker:
    """A client with a connection that it keeps as long as the server does."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._client: Client | None = None

    def ask(self, question: Question) -> Answer:
        """Send a request and return its answer, without what may differ."""
        client = self._client or self._site.open()
        self._client = client
        method = "GET" if question.body is None else "POST"
        client.send(
            question.target, *question.fields, method=method, body=question.body
        )
        reply = client.receive(method)
        if (reply.get("Connection") or "").lower() == "close":
            self.close()
        return _without_volatile(reply)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None


def _without_volatile(reply: Reply) -> Answer:
    kept = sorted(field for field in reply.fields if field[0].lower() not in _FRAMING)
    return Answer(reply.status, tuple(kept), _VOLATILE.sub(b"*", reply.body))


class ErrorLog:
    """The error log since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def count_new(self) -> Counter[tuple[bytes, bytes]]:
        """Count the new lines by script and text; no script for the server's own."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        self._position += len(data)
        return Counter(_list_lines(data))


def _list_lines(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in data.splitlines():
        match = _SCRIPT_LINE.search(line)
        name, text = match.groups() if match else (b"", line)
        # A module that all runs share is imported once, and complains once.
        if not _IMPORT_COMPLAINT.search(text):
            yield name, _VOLATILE.sub(b"*", text)


def ask_one_by_one(site: Site, questions: Iterable[Question]) -> dict[Question, Answer]:
    """Send the requests, each when the one before has been answered."""
    asker = Asker(site)
    try:
        return {question: asker.ask(question) for question in questions}
    finally:
        asker.close()


def ask_all(
    site: Site, questions: Iterable[Question], connections: int
) -> list[tuple[Question, Answer | str]]:
    """Send the requests in this order, so many at a time.

    Where there is no answer, there is the text of the error in its place.
    """
    waiting = iter(questions)
    lock = threading.Lock()  # guards waiting
    answers: list[tuple[Question, Answer | str]] = []

    def work() -> None:
        asker = Asker(site)
        while True:
            with lock:
                question = next(waiting, None)
            if question is None:
                break
            try:
                answers.append((question, asker.ask(question)))
            except (OSError, http.client.HTTPException) as exc:
                answers.append((question, repr(exc)))
                asker.close()
        asker.close()

    with ThreadPoolExecutor(connections) as pool:
        for worker in [pool.submit(work) for _ in range(connections)]:
            worker.result()
    return answers
