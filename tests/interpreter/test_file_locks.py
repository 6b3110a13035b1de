"""lockf() keeps two runs apart, and runs and other processes."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Set

import pytest

from tests.interpreter.meetings import paused
from tests.interpreter.script_runs import run_file, save, stand_ins

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux", reason="locks of open files are Linux's"
    ),
    # Scripts leave their files open, and Python does not mind.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

HOLD = """
import fcntl, os, struct, sys
file = open({path!r}, "r+")
{lock}
print("held", flush=True)
{pause}
"""
TRY = """
import fcntl, os, struct, sys
file = open({path!r}, "r+")
try:
    {lock}
except OSError as exc:
    print(exc.errno in (11, 13))
else:
    print("got it")
"""
WAITING = [
    "fcntl.lockf(file, fcntl.LOCK_EX)",
    "fcntl.lockf(file, fcntl.LOCK_EX, 10, 0, os.SEEK_SET)",
    "fcntl.fcntl(file, fcntl.F_SETLKW, struct.pack('hhllhh', fcntl.F_WRLCK, *[0] * 5))",
    "os.lockf(file.fileno(), os.F_LOCK, 0)",
]
IMPATIENT = [
    "fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
    "fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)",
    "fcntl.fcntl(file, fcntl.F_SETLK, struct.pack('hhqqi', fcntl.F_RDLCK, *[0] * 4))",
    "os.lockf(file.fileno(), os.F_TLOCK, 1)",
    "os.lockf(file.fileno(), os.F_TEST, 1)",
]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "lock").write_text("x")
    with stand_ins():
        yield


def write_holder(tmp_path: Path, lock: str, pause: str) -> Path:
    path = str(tmp_path / "lock")
    return save(tmp_path / "hold.py", HOLD.format(path=path, lock=lock, pause=pause))


def try_all(tmp_path: Path, *, in_runs: bool) -> Set[str]:
    """Try to lock it in all ways; return what was said."""
    said = set()
    for lock in IMPATIENT:
        source = TRY.format(path=str(tmp_path / "lock"), lock=lock)
        path = save(tmp_path / "try.py", source)
        if in_runs:
            said.add(run_file(path).text)
        else:
            command = [sys.executable, str(path)]
            said.add(subprocess.check_output(command).decode())
    return said


@pytest.mark.parametrize("lock", WAITING)
def test_a_process_keeps_runs_out(tmp_path: Path, lock: str) -> None:
    path = write_holder(tmp_path, lock, "sys.stdin.readline()")
    pipe = subprocess.PIPE
    command = [sys.executable, str(path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert try_all(tmp_path, in_runs=True) == {"True\n"}
        process.communicate(b"\n")
    assert try_all(tmp_path, in_runs=True) == {"got it\n"}


@pytest.mark.parametrize("lock", WAITING)
def test_a_run_keeps_runs_and_processes_out(tmp_path: Path, lock: str) -> None:
    path = write_holder(tmp_path, lock, "import meeting; meeting.pause()")
    with paused(path) as holder:
        assert try_all(tmp_path, in_runs=True) == {"True\n"}
        assert try_all(tmp_path, in_runs=False) == {"True\n"}
        assert holder.result().failure is None
    assert try_all(tmp_path, in_runs=True) == {"got it\n"}


def test_a_lock_can_be_given_back(tmp_path: Path) -> None:
    unlock = "fcntl.lockf(file, fcntl.LOCK_EX); fcntl.lockf(file, fcntl.LOCK_UN)"
    path = write_holder(tmp_path, unlock, "import meeting; meeting.pause()")
    with paused(path):
        assert try_all(tmp_path, in_runs=True) == {"got it\n"}


def test_a_run_waits_for_another(tmp_path: Path) -> None:
    path = write_holder(tmp_path, WAITING[0], "import meeting; meeting.pause()")
    waiting = save(
        tmp_path / "wait.py",
        f"""
        import fcntl, os, threading
        file = open({str(tmp_path / "lock")!r}, "r+")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            import meeting
            meeting.release()
            fcntl.lockf(file, fcntl.LOCK_EX)
            print("got it")
        """,
    )
    with paused(path) as holder:
        sys.modules["meeting"].release = holder._go_on.set  # type: ignore[attr-defined]
        assert run_file(waiting).text == "got it\n"


def test_a_run_is_not_kept_out_by_itself(tmp_path: Path) -> None:
    source = f"""
        import fcntl, os, meeting
        first = open({str(tmp_path / "lock")!r}, "r")
        second = open({str(tmp_path / "lock")!r}, "r+")
        fcntl.lockf(first, fcntl.LOCK_SH)
        fcntl.lockf(second.fileno(), fcntl.LOCK_EX)
        fcntl.lockf(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(first, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.lockf(second.fileno(), os.F_TLOCK, 0)
        meeting.pause()
        fcntl.lockf(first, fcntl.LOCK_UN)
        print("alone")
        meeting.pause()
        """
    with paused(save(tmp_path / "both.py", source)) as holder:
        assert try_all(tmp_path, in_runs=True) == {"True\n"}
        assert holder.result().text == "alone\n"
    assert try_all(tmp_path, in_runs=True) == {"got it\n"}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("fcntl.lockf(file, 0)", "ValueError: unrecognized lockf argument"),
        ("fcntl.lockf(file, fcntl.LOCK_EX, 0, 0, 9)", "OSError: [Errno 22]"),
        ("fcntl.lockf(99, fcntl.LOCK_EX)", "OSError: [Errno 9]"),
        ("os.lockf(file.fileno(), 99, 0)", "OSError: [Errno 22]"),
        ("fcntl.lockf(None, fcntl.LOCK_EX)", "TypeError"),
    ],
)
def test_wrong_arguments_are_an_error(tmp_path: Path, call: str, error: str) -> None:
    path = str(tmp_path / "lock")
    source = f"import fcntl, os\nfile = open({path!r}, 'r+')\n{call}"
    assert error in str(run_file(save(tmp_path / "x.py", source)).failure)


def test_other_commands_are_as_ever(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    source = f"""
        import fcntl, struct
        file = open({path!r}, "r+")
        print(fcntl.fcntl(file, fcntl.F_GETFD), fcntl.F_SETLK)
        free = struct.pack("hhqqi", fcntl.F_WRLCK, *[0] * 4)
        asked = fcntl.fcntl(file, fcntl.F_GETLK, free)
        print(struct.unpack("hhqqi", asked)[0] == fcntl.F_UNLCK)
        """
    assert run_file(save(tmp_path / "x.py", source)).text == "1 6\nTrue\n"


def test_outside_of_runs_locks_are_those_of_the_process(tmp_path: Path) -> None:
    with open(str(tmp_path / "lock"), "r+") as one, open(one.name, "r+") as two:
        fcntl.lockf(one, fcntl.LOCK_EX)
        fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.fcntl(two, fcntl.F_SETLK, struct.pack("hhqqi", fcntl.F_UNLCK, *[0] * 4))
        os.lockf(two.fileno(), os.F_TEST, 0)
