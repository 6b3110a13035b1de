"""Descriptors 0 to 2, by number and by stream, are those of the run."""

from __future__ import annotations

import fcntl
import gc
import io
import os
import select
import socket
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter import run_streams, standard_stream
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.script_runs import Result, run_file, save, stand_ins

Run = Callable[..., Result]

# Many scripts leave files open; these close when they are dropped.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

HEAD = "import fcntl, io, os, select, socket, subprocess, sys\n"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(
        source: str,
        stdin: bytes | None = None,
        *,
        fails: bool = False,
        inspect: Callable[[RunContext], object] | None = None,
    ) -> Result:
        path = save(tmp_path / "script.py", HEAD + source)
        result = run_file(path, stdin=stdin, inspect=inspect)
        assert fails == (result.failure is not None), result.failure
        return result

    with stand_ins():
        before = _open_numbers()
        yield run_source
        assert _open_numbers() == before


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("os.write(1, b'raw')", "raw", id="write"),
        pytest.param(
            "print('late')\nos.write(1, b'early ')", "early late\n", id="overtakes"
        ),
        pytest.param(
            "print('a', flush=True)\nos.write(1, b'b')\nprint('c')",
            "a\nbc\n",
            id="in order",
        ),
        pytest.param("print(os.write(1, b'x' * 200_000))", None, id="large"),
        pytest.param("os.write(1, memoryview(b'view'))", "view", id="view"),
        pytest.param("print(os.writev(1, [b'a', b'b']))", "ab2\n", id="writev"),
        pytest.param(
            "out = os.fdopen(sys.stdout.fileno(), 'wb', 0)\nout.write(b'fd')",
            "fd",
            id="fdopen of fileno",
        ),
        pytest.param(
            "def main():\n"
            "    os.fdopen(sys.stdout.fileno(), 'wb', 0).write(b'a')\n"
            "main()\nprint('b', flush=True)\n"
            "os.fdopen(sys.stdout.fileno(), 'w').write('c')",
            "ab\nc",
            id="a file of it is collected",
        ),
        pytest.param(
            "with open(1, 'wb', closefd=False) as o: o.write(b'a')\nprint('b')",
            "ab\n",
            id="open, not closing",
        ),
        pytest.param(
            "with open(1, 'w') as o: o.write('a')\nprint('b')", "ab\n", id="open"
        ),
        pytest.param(
            "fd = sys.stdout.fileno()\nwith open(1, 'w') as o: o.write('a')\n"
            "os.write(fd, b'b')",
            "ab",
            id="open, next to fileno",
        ),
        pytest.param("io.open(1, 'wb', 0).write(b'a')", "a", id="io.open"),
        pytest.param("io.FileIO(1, 'w').write(b'a')", "a", id="FileIO"),
        pytest.param("io.FileIO(1, 'w', False).write(b'a')", "a", id="FileIO stays"),
        pytest.param(
            "class F(io.FileIO): pass\nF(1, 'w').write(b'a')", "a", id="own FileIO"
        ),
        pytest.param("os.fdopen(1, 'w').write('a')", "a", id="fdopen"),
        pytest.param("open('/dev/stdout', 'w').write('a')", "a", id="/dev/stdout"),
        pytest.param("os.write(os.open('/dev/fd/1', 1), b'a')", "a", id="/dev/fd/1"),
        pytest.param(
            "fd = sys.__stdout__.fileno()\nfor i in range(3): os.write(fd, b'%d' % i)\n"
            "print(fd == sys.stdout.buffer.fileno() > 2)",
            "012True\n",
            id="one number for all layers",
        ),
        pytest.param(
            "print('a', flush=True)\nwith open(os.dup(1), 'w') as o: o.write('b')\n"
            "print('c')",
            "a\nbc\n",
            id="dup",
        ),
        pytest.param("os.write(os.dup(os.dup(1)), b'a')", "a", id="dup of dup, left"),
        pytest.param(
            "os.write(fcntl.fcntl(1, fcntl.F_DUPFD, 10), b'a')", "a", id="F_DUPFD"
        ),
        pytest.param(
            "fd = fcntl.fcntl(sys.stdout.fileno(), fcntl.F_DUPFD_CLOEXEC, 0)\n"
            "os.write(fd, b'a')",
            "a",
            id="F_DUPFD_CLOEXEC of fileno",
        ),
        pytest.param(
            "sys.stdout.fileno()\nos.set_blocking(1, False)\n"
            "print('x' * 300_000, flush=True)\nprint(os.get_blocking(1))",
            "x" * 300_000 + "\nFalse\n",
            id="not blocking",
        ),
        pytest.param(
            "with open('f', 'wb') as f: f.write(b'file')\n"
            "with open('f', 'rb') as f: r, w = os.pipe()\n"
            "os.write(w, b'piped')\nprint(os.splice(r, 1, 5) if hasattr(os, 'splice')"
            " else os.write(1, b'piped'))\nos.close(r)\nos.close(w)",
            "piped5\n",
            id="splice",
        ),
        pytest.param(
            "with open('f', 'wb') as f: f.write(b'file')\n"
            "with open('f', 'rb') as f: print(os.sendfile(1, f.fileno(), 0, 4))",
            "file4\n",
            id="sendfile",
        ),
        pytest.param(
            "with open('f', 'wb') as f: f.write(b'file')\n"
            "with open('f', 'rb') as f:\n"
            "    is_new = sys.version_info >= (3, 9)\n"
            "    names = ('out_fd', 'in_fd') if is_new else ('out', 'in')\n"
            "    numbers = dict(zip(names, (1, f.fileno())))\n"
            "    print(os.sendfile(**numbers, offset=0, count=4))",
            "file4\n",
            id="sendfile by name",
        ),
        pytest.param(
            "import stat\n"
            "print(stat.S_ISFIFO(os.fstat(1).st_mode), os.fstat(fd=2) and 1)",
            "True 1\n",
            id="fstat",
        ),
        pytest.param(
            "print(os.isatty(0), os.isatty(1), os.isatty(2), sys.stdout.isatty())",
            "False False False False\n",
            id="isatty",
        ),
        pytest.param(
            "for call in (os.get_terminal_size, lambda: os.ttyname(1)):\n"
            "    try: call()\n    except OSError as exc: print(exc.errno)",
            "25\n25\n",
            id="no terminal",
        ),
        pytest.param(
            "os.set_inheritable(1, True)\nprint(os.get_inheritable(1))\n"
            "print(fcntl.fcntl(1, fcntl.F_GETFL) & os.O_WRONLY)",
            "True\n1\n",
            id="flags",
        ),
        pytest.param("print(select.select([], [1], [], 5))", "([], [1], [])\n", id="w"),
        pytest.param(
            "try: socket.fromfd(0, socket.AF_INET, socket.SOCK_STREAM).getpeername()\n"
            "except OSError as exc: print(exc.strerror)",
            "Socket operation on non-socket\n",
            id="no socket (flup)",
        ),
    ],
)
def test_output_by_number(run: Run, source: str, text: str | None) -> None:
    result = run(source)
    expected = "x" * 200_000 + "200000\n" if text is None else text
    assert result.text == expected


def test_a_plain_write_needs_no_pipe(run: Run) -> None:
    assert run("os.write(1, b'a')\nos.write(1, b'b')").writes == [b"a", b"b"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("print(os.read(0, 100))", r"b'line 1\nline 2\n'", id="read"),
        pytest.param("print(open(0, 'rb').read(4))", "b'line'", id="open"),
        pytest.param("print(open(0).read(4))", "line", id="open as text"),
        pytest.param(
            "print(open(0, 'rb', closefd=False).read(6), os.read(0, 9))",
            "b'line 1' b''",
            id="read ahead",
        ),
        pytest.param(
            "print(open(0, 'rb', 0, closefd=False).read(6), os.read(0, 9))",
            r"b'line 1' b'\nline 2\n'",
            id="no read ahead",
        ),
        pytest.param("print(open('/dev/stdin', 'rb').read(6))", "b'line 1'", id="/dev"),
        pytest.param(
            "import pathlib\nprint(pathlib.Path('/dev/stdin').exists())",
            "True",
            id="path",
        ),
        pytest.param(
            "f = open(b'/proc/self/fd/0')\nprint(f.readline().strip(), f.name)",
            "line 1 b'/proc/self/fd/0'",
            id="/proc",
        ),
        pytest.param(
            "print(input())\nprint(os.read(0, 10), sys.stdin.read())",
            "line 1\nb'' line 2\n",
            id="the layers above have read it",
        ),
        pytest.param(
            "print(os.read(0, 7))\nprint(input())",
            r"b'line 1\n'" "\nline 2",
            id="then text",
        ),
        pytest.param(
            "sys.stdin.fileno()\nsys.stdin.read()\nsys.stdin.buffer.seek(0)\n"
            "print(sys.stdin.buffer.read(4))",
            "b'line'",
            id="seek",
        ),
        pytest.param(
            "os.lseek(0, -2, os.SEEK_END)\nprint(os.read(0, 9), os.pread(0, 4, 0))",
            r"b'2\n' b'line'",
            id="lseek",
        ),
        pytest.param(
            "print(select.select([sys.stdin], [], [], 5)[0] == [sys.stdin],"
            " select.select([0], [], [], 5))",
            "True ([0], [], [])",
            id="select",
        ),
        pytest.param(
            "poll = select.poll()\npoll.register(sys.stdin, select.POLLIN)\n"
            "print(len(poll.poll(5000)))",
            "1",
            id="poll",
        ),
        pytest.param(
            "os.close(0)\ntry: os.read(0, 1)\nexcept OSError as exc: print(exc)\n"
            "try: sys.stdin.read()\nexcept OSError as exc: print(exc)\n"
            "try: open(0)\nexcept OSError as exc: print(exc)",
            "[Errno 9] Bad file descriptor\n" * 2 + "[Errno 9] Bad file descriptor: 0",
            id="close",
        ),
        pytest.param(
            "with open('f', 'w') as f: f.write('other')\n"
            "with open('f') as f: os.dup2(f.fileno(), 0)\nprint(input())",
            "other",
            id="dup2",
        ),
        pytest.param(
            "with open('f', 'w') as f: f.write('other')\nos.close(0)\n"
            "with open('f') as f: os.dup2(f.fileno(), sys.stdin.fileno())\n"
            "print(input())",
            "other",
            id="dup2 to a closed one",
        ),
        pytest.param(
            "fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)\nprint('ok')",
            "ok",
            id="flock",
        ),
    ],
)
def test_input_by_number(run: Run, source: str, text: str) -> None:
    assert run(source, stdin=b"line 1\nline 2\n").text.strip() == text.strip()


def test_no_input_is_at_its_end(run: Run) -> None:
    assert run("print(os.read(0, 9), open(0).read() == '')").text == "b'' True\n"


def test_input_that_is_a_file_is_not_copied(run: Run, tmp_path: Path) -> None:
    source = "print(sys.stdin.readline(), os.fstat(0).st_ino)"
    path = tmp_path / "content"
    path.write_text("first\nsecond")
    with path.open("rb", buffering=0) as content:
        result = run_file(save(tmp_path / "a.py", HEAD + source), source=content)
        assert not content.closed
    assert result.text == f"first\n {path.stat().st_ino}\n"


@pytest.mark.parametrize(
    ("source", "log"),
    [
        pytest.param("os.write(2, b'a\\nb\\n')", ["a", "b"], id="write"),
        pytest.param(
            "sys.stderr.write('a')\nsys.stderr.flush()\nos.write(2, b'b\\n')",
            ["ab"],
            id="one line",
        ),
        pytest.param(
            "sys.stderr.write('a')\nsys.stderr.flush()\nsys.stderr.fileno()\n"
            "print('b', file=sys.stderr)",
            ["ab"],
            id="a pipe comes in between",
        ),
        pytest.param("open(2, 'w').write('a')", ["a"], id="open"),
        pytest.param(
            "sys.stderr = io.TextIOWrapper(sys.stderr.detach())\n"
            "sys.stderr.write('kept')",
            ["kept"],
            id="detached",
        ),
        pytest.param("os.close(2)\nsys.stderr.write('x')", [], id="closed"),
    ],
)
def test_errors_by_number(run: Run, source: str, log: list[str]) -> None:
    assert run(source).log == log


@pytest.mark.parametrize(
    ("source", "text", "files"),
    [
        pytest.param("os.close(1)", "", {}, id="close before anything"),
        pytest.param(
            "print('a', flush=True)\nos.close(1)\nprint('lost')",
            "a\n",
            {},
            id="close",
        ),
        pytest.param(
            "sys.stdout.fileno()\nprint('a', flush=True)\n"
            "os.close(sys.stdout.fileno())\nprint('lost')",
            "a\n",
            {},
            id="close by alias",
        ),
        pytest.param(
            "print('a')\nsys.stdout.close()\ntry: os.write(1, b'lost')\n"
            "except OSError as exc: open('f', 'w').write(str(exc.errno))",
            "a\n",
            {"f": "9"},
            id="close the stream",
        ),
        pytest.param(
            "os.closerange(1, 3)\nprint('lost')", "", {}, id="close both outputs"
        ),
        pytest.param(
            "f = open('f', 'w')\nprint('a', flush=True)\nos.dup2(f.fileno(), 1)\n"
            "print('b', flush=True)\nos.system('echo c')\nos.write(1, b'd')",
            "a\n",
            {"f": "b\nc\nd"},
            id="dup2 to a file",
        ),
        pytest.param(
            "f = open('f', 'w')\nsys.stdout.fileno()\n"
            "os.dup2(f.fileno(), sys.stdout.fileno())\n"
            "print('b', flush=True)\nos.write(sys.stdout.fileno(), b'c')",
            "",
            {"f": "b\nc"},
            id="dup2 to an alias",
        ),
        pytest.param(
            "saved = os.dup(1)\nnull = os.open(os.devnull, os.O_WRONLY)\n"
            "print('a', flush=True)\nos.dup2(null, 1)\nos.close(null)\n"
            "os.system('echo lost')\nprint('lost', flush=True)\n"
            "os.dup2(saved, 1)\nos.close(saved)\nprint('b')",
            "a\nb\n",
            {},
            id="there and back",
        ),
        pytest.param(
            "os.dup2(1, 2)\nprint('a', file=sys.stderr)\nos.system('echo b >&2')",
            "a\nb\n",
            {},
            id="errors to the client",
        ),
        pytest.param(
            "print(os.dup2(1, 1), os.dup2(sys.stdout.fileno(), 1))",
            "1 1\n",
            {},
            id="dup2 to itself",
        ),
        pytest.param(
            "os.close(1)\nf = open('f', 'w')\nos.dup2(f.fileno(), 1)\nprint('a')",
            "",
            {"f": "a\n"},
            id="close, then dup2",
        ),
        pytest.param(
            "f = open('f', 'w')\nn = os.dup2(f.fileno(), os.dup(f.fileno()))\n"
            "os.write(n, b'x')\nos.close(n)\ntry: os.close(n)\n"
            "except OSError as exc: print(exc.errno)",
            "9\n",
            {"f": "x"},
            id="other numbers",
        ),
    ],
)
def test_output_that_is_closed_or_directed_elsewhere(
    run: Run, tmp_path: Path, source: str, text: str, files: dict[str, str]
) -> None:
    assert run(source).text == text
    for name, content in files.items():
        assert (tmp_path / name).read_text() == content


@pytest.mark.parametrize(
    ("source", "times"),
    [
        pytest.param("print(1)", 0, id="no"),
        pytest.param("sys.stdout.fileno()", 0, id="pipe"),
        pytest.param("os.close(1)", 1, id="close"),
        pytest.param("sys.stdout.close()", 1, id="close the stream"),
        pytest.param("sys.stdout.buffer.close()", 1, id="close the buffer"),
        pytest.param("os.dup2(os.open('/dev/null', 1), 1)", 1, id="dup2"),
        pytest.param("os.close(2); os.close(0)", 0, id="others"),
    ],
)
def test_the_runner_is_told_that_the_script_left_its_output(
    tmp_path: Path, source: str, times: int
) -> None:
    left: list[None] = []
    with stand_ins():
        path = save(tmp_path / "a.py", HEAD + source)
        run_file(path, leave_output=lambda: left.append(None))
    assert len(left) == times


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("os.close(1)\nos.close(1)", id="close twice"),
        pytest.param("os.close(1)\nos.write(1, b'x')", id="write"),
        pytest.param("os.close(1)\nos.dup(1)", id="dup"),
        pytest.param("os.close(1)\nopen(1, 'w')", id="open"),
        pytest.param("os.dup2(12345, 1)", id="dup2"),
        pytest.param("os.write(-1, b'x')", id="negative"),
        pytest.param("os.fstat(-1)", id="fstat of a negative one"),
    ],
)
def test_a_closed_descriptor_is_bad(run: Run, source: str) -> None:
    failure = run(source, fails=True).failure
    assert failure
    assert "OSError: [Errno 9] Bad file descriptor" in failure


def test_what_belongs_to_others_is_not_closed(run: Run) -> None:
    failure = run("os.closerange(3, 64)", fails=True).failure
    assert failure
    assert "ProcessNeededError: os.closerange() needs" in failure


def test_a_number_that_was_closed_and_given_away_again_is_left_alone(
    run: Run, tmp_path: Path
) -> None:
    source = """
alias = sys.stdout.fileno()
os.fdopen(alias, "wb", 0).close()  # behind our back
first = os.open("f", os.O_CREAT | os.O_WRONLY)
numbers = [first, *(os.dup(first) for _ in range(64))]
assert alias in numbers
os.write(alias, b"file")
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, alias)
os.close(null)
for number in numbers:
    os.close(number)
print("still there", sys.stdout.fileno() > 2)
"""
    assert run(source).text == "still there True\n"
    assert (tmp_path / "f").read_text() == "file"


# What a script keeps alive beyond its end.
KEPT: list[io.BufferedWriter] = []


@pytest.mark.parametrize(
    "opened", ["os.fdopen(sys.stdout.fileno(), 'wb')", "open(1, 'wb')"]
)
def test_a_file_that_outlives_its_run_is_closed(run: Run, opened: str) -> None:
    source = f"from {__name__} import KEPT\nKEPT.append({opened})\n"
    assert run(source + "KEPT[0].write(b'lost')\nprint('a')").text == "a\n"
    assert KEPT.pop().raw.closed


def test_a_file_that_is_collected_while_its_run_ends_takes_nothing_along(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number may be another run's before we have looked twice."""
    grabbed: list[int] = []
    fstat = standard_stream._fstat

    def look(number: int) -> os.stat_result:
        stat = fstat(number)
        gc.collect()
        grabbed.append(os.open("/proc/self/stat", os.O_RDONLY))
        return stat

    monkeypatch.setattr(standard_stream, "_fstat", look)
    run(
        "out = open(1, 'wb')\nout.cycle = out\nout.write(b'a')\nout.flush()\nos.dup(1)",
        inspect=lambda run: monkeypatch.undo(),
    )
    assert len(grabbed) >= 2
    for number in grabbed:
        assert os.readlink(f"/proc/self/fd/{number}").endswith("/stat")
        os.close(number)
    gc.collect()


def test_threads_that_go_on_write_to_nobody(tmp_path: Path) -> None:
    before = _open_numbers()
    gate, told = os.pipe()
    source = f"""
        import os, sys, threading
        def work(os=os, print=print, BrokenPipeError=BrokenPipeError):
            # The module's names are gone when it goes on.
            numbers = sys.stdout.fileno(), os.dup(1)
            started.set()
            os.read({gate}, 1)
            print("late", flush=True)
            for number in numbers:
                try:
                    os.write(number, b"late")
                except BrokenPipeError:
                    os.write({told}, b"x")
        started = threading.Event()
        threading.Thread(target=work, daemon=True).start()
        started.wait()
        print("a")
        """
    threads: list[threading.Thread] = []
    with stand_ins():
        result = run_file(
            save(tmp_path / "a.py", source),
            inspect=lambda run: threads.extend(run.threads),
        )
        assert result.text == "a\n"
        # The numbers that it may be using are not given away: of the pipe and of two
        # duplicates.
        assert run_streams.reclaim() == 1
        assert len(_open_numbers() - before - {gate, told}) == 3
        os.write(told, b"x")
        for thread in threads:
            thread.join(20)
        os.write(told, b".")
        assert os.read(gate, 9) == b"xx."
        assert run_streams.reclaim() == 0
    os.close(gate)
    os.close(told)
    assert _open_numbers() == before


def _open_numbers() -> set[int]:
    """Return what is open, without the descriptor that looks."""
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    return {number for number in numbers if os.path.lexists(f"/proc/self/fd/{number}")}


def test_outside_of_a_run_all_is_as_it_was(tmp_path: Path) -> None:
    def look() -> list[object]:
        return [getattr(module, name) for module, name in NAMES]

    originals = look()
    read_end, write_end = os.pipe()
    with stand_ins():
        assert not set(look()) & set(originals)
        assert os.fstat(1) == os.fstat(fd=1)
        assert os.write(write_end, b"ab") == 2
        assert os.writev(write_end, [b"c"]) == 1
        assert select.select([read_end], [], [], 5)[0] == [read_end]
        assert os.read(read_end, 9) == b"abc"
        assert os.dup2(read_end, write_end) == write_end
        assert os.isatty(read_end) is False
        os.close(os.dup(read_end))
        os.closerange(read_end, read_end)
        os.close(os.open("/dev/null", os.O_RDONLY))
    assert look() == originals
    os.close(read_end)
    os.close(write_end)


def test_outside_of_a_run_files_are_what_they_were(tmp_path: Path) -> None:
    original = io.open
    path = str(tmp_path / "f")
    with stand_ins():
        with getattr(io, "open")(path, "wb", 0) as file:  # noqa: B009 - not builtins'
            assert isinstance(file, io.FileIO)
            assert issubclass(type(file), io.FileIO)
        with io.FileIO(path) as file:
            assert repr(type(file)) == "<class '_io.FileIO'>"

        class Own(io.FileIO):
            pass

        assert not isinstance(file, Own)
        assert not issubclass(io.FileIO, Own)
        assert repr(io.open) == repr(original)
        left, right = socket.socketpair()
        with left, right, socket.fromfd(left.fileno(), left.family, left.type) as twin:
            assert twin.fileno() not in (left.fileno(), right.fileno())


NAMES = [
    *((os, name) for name in ("write", "close", "dup2", "fstat", "open")),
    *((io, name) for name in ("open", "FileIO")),
    *((fcntl, "fcntl"), (select, "select"), (socket, "dup")),
]


def test_a_class_may_have_open_as_an_attribute(run: Run) -> None:
    source = """
class A:
    open = open
    io = io.open
with A().open("f", "w") as f:
    f.write("x")
print(A().io("f").read())
"""
    assert run(source).text == "x\n"
