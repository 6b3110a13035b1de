"""A worker's knowledge of where pools are asked."""

from collections.abc import Iterator

import pytest

from httpout_cgi.processes import control, directory
from httpout_cgi.processes.control import Answer, Words
from httpout_cgi.processes.directory import PoolDirectory
from httpout_cgi.scripts import Owner

ALICE = Owner("alice", 1000)
Told = list[tuple[str, str]]


class Stage:
    def __init__(self) -> None:
        self.supervisor, worker = control.pair()
        self.worker = worker
        self.directory = PoolDirectory(worker, "/site")
        self.told: Told = []

    def find(self, whose: Owner | str | None) -> None:
        self.directory.find(whose, lambda *words: self.told.append(words))

    def questions(self) -> bytes:
        try:
            return self.supervisor.recv(65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.supervisor.close()
        self.worker.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def test_that_of_the_site_is_known(stage: Stage) -> None:
    stage.find(None)
    assert stage.told == [("/site", "")]
    assert stage.questions() == b""


def test_that_of_another_python_is_asked_for_by_its_path(stage: Stage) -> None:
    python = "/opt/bin/python3"
    stage.find(python)
    assert stage.questions() == b"A/opt/bin/python3\n"
    stage.directory.take(Answer(python, "/1"))
    stage.find(python)
    stage.directory.forget(python)
    stage.find(python)
    assert stage.questions() == b"A/opt/bin/python3\n"
    assert stage.told == [("/1", "")] * 2


@pytest.mark.parametrize("python", ["python3.12", "/o t/python3", "/\u00fc/python3"])
def test_the_sites_own_starts_what_cannot_be_asked_for(
    stage: Stage, python: str
) -> None:
    stage.find(python)
    assert stage.told == [("/site", "")]
    assert stage.questions() == b""


def test_the_supervisor_is_asked_once(stage: Stage) -> None:
    stage.find(ALICE)
    stage.find(ALICE)
    assert stage.questions() == b"Aalice\n"
    assert not stage.told
    stage.directory.take(Answer("alice", "/1"))
    assert stage.told == [("/1", "")] * 2
    stage.find(ALICE)
    assert len(stage.told) == 3
    assert stage.questions() == b""


def test_another_number_is_another_account(stage: Stage) -> None:
    stage.find(ALICE)
    stage.directory.take(Answer("alice", "/1"))
    stage.find(ALICE._replace(uid=1001))
    assert stage.questions() == b"Aalice\n" * 2


def test_what_does_not_work_is_asked_for_again(stage: Stage) -> None:
    stage.find(ALICE)
    stage.directory.take(Answer("alice", "/1"))
    stage.directory.forget(ALICE)
    stage.directory.forget(ALICE)
    stage.find(ALICE)
    assert stage.questions() == b"Aalice\n" * 2


def test_a_refusal_is_told_and_not_remembered(stage: Stage) -> None:
    stage.find(ALICE)
    stage.directory.take(Answer("alice", refusal="too-many-pools"))
    assert stage.told == [("", "too-many-pools")]
    stage.find(ALICE)
    assert stage.questions() == b"Aalice\n" * 2


def test_answers_never_fill_the_channel(stage: Stage) -> None:
    for number in range(200):
        stage.find(Owner(f"a{number}", number))
    asked = 0
    while words := stage.questions():
        names = [word[1:].decode() for word in Words().feed(words)]
        assert len(names) <= 64
        asked += len(names)
        for name in names:
            stage.directory.take(Answer(name, f"/{name}"))
    assert asked == len(stage.told) == 200


def test_what_is_known_is_bounded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "_MOST_KNOWN", 1)
    for name in ("alice", "bob", "alice"):
        stage.find(Owner(name, 1))
        stage.directory.take(Answer(name, "/x"))
    assert stage.questions() == b"Aalice\nAbob\nAalice\n"


def test_without_a_supervisor_there_is_none(stage: Stage) -> None:
    stage.supervisor.close()
    stage.find(ALICE)
    assert stage.told == [("", "no-pool")]


# --- the words


def test_an_answer_arrives() -> None:
    ours, theirs = control.pair()
    with ours, theirs:
        for answer in (Answer("a", "/x/\udcff"), Answer("b", refusal="no-pool")):
            control.send_answer(ours, answer)
            assert control.receive(theirs) == answer


def test_words_are_put_together_again() -> None:
    words = Words()
    assert words.feed(b"RAal") == [b"R"]
    assert words.feed(b"ice") == []
    assert words.feed(b"\nL") == [b"Aalice", b"L"]
    assert words.feed(b"A/opt/bin/python") == []
    assert words.feed(b"3\n") == [b"A/opt/bin/python3"]
    assert words.feed(b"A" + b"x" * 32) == []
    assert words.feed(b"\n") == [b"A" + b"x" * 32]


@pytest.mark.parametrize(
    "nonsense",
    [
        *(b"x", b"A\n", b"A" + b"x" * 33 + b"\n", b"A\xff\n", b"Aa b\n", b"Aa/b\n"),
        *(b"A/\n", b"A/" + b"x" * 255, b"A/" + b"x" * 255 + b"\n", b"A/\0\n"),
    ],
)
def test_nonsense_is_an_error(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match=r"no name|unknown word"):
        Words().feed(nonsense)
