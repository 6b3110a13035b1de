"""The standard streams of a run behave as CPython's behind a pipe."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter import streams

from tests.interpreter.script_runs import Result, run_file, save, stand_ins

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(source: str, stdin: bytes | None = None) -> Result:
        path = save(tmp_path / "script.py", f"import codecs, io, sys\n{source}")
        result = run_file(path, stdin=stdin)
        assert result.failure is None, result.failure
        return result

    with stand_ins():
        yield run_source


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("print('é\\udcff')", "é\udcff\n", id="surrogate"),
        pytest.param(
            "print('text')\nsys.stdout.buffer.write(b'bytes\\n')",
            "bytes\ntext\n",
            id="bytes overtake text",
        ),
        pytest.param(
            "print('text', flush=True)\nsys.stdout.buffer.write(b'bytes\\n')",
            "text\nbytes\n",
            id="flushed text stays first",
        ),
        pytest.param(
            "sys.stdout = codecs.getwriter('latin-1')(sys.stdout.detach())\n"
            "print('\\xe9')",
            "\udce9\n",
            id="detach",
        ),
        pytest.param(
            "b = sys.stdout.detach()\nb.write(b'kept')", "kept", id="detached buffer"
        ),
        pytest.param(
            "sys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)\nprint('é')",
            "é\n",
            id="writer over buffer",
        ),
        pytest.param(
            "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, write_through=True)\n"
            "print('x')",
            "x\n",
            id="wrapper over buffer",
        ),
        pytest.param(
            "sys.stdout.reconfigure(encoding='latin-1', newline='\\r\\n')\n"
            "print('\\xe9')",
            "\udce9\r\n",
            id="reconfigure",
        ),
        pytest.param("print('x')\nsys.stdout.close()", "x\n", id="closed"),
        pytest.param("print('x')\nsys.stdout = None", "x\n", id="none"),
        pytest.param("print(sys.stdout.write('four'))", "four4\n", id="count"),
        pytest.param(
            "print(sys.stdout.name, sys.stdout.encoding, sys.stdout.errors,"
            " sys.stdout.isatty(), sys.stdout.line_buffering)",
            "<stdout> utf-8 surrogateescape False False\n",
            id="attributes",
        ),
    ],
)
def test_output(run: Run, source: str, text: str) -> None:
    assert run(source).text == text


def test_output_is_forwarded_at_flush_and_when_the_buffer_is_full(run: Run) -> None:
    source = "print('a', flush=True)\nsys.stdout.buffer.write(b'x' * 9000)\nprint('b')"
    assert run(source).writes == [b"a\n", b"x" * 9000, b"b\n"]


@pytest.mark.parametrize(
    ("source", "log"),
    [
        pytest.param("print('one\\ntwo', file=sys.stderr)", ["one", "two"], id="lines"),
        pytest.param("sys.stderr.write('no end')", ["no end"], id="no line end"),
        pytest.param("sys.stderr.write('\\udcff\\n')", ["\\udcff"], id="surrogate"),
        pytest.param("sys.stderr.buffer.write(b'x\\ny')", ["x", "y"], id="bytes"),
        pytest.param("sys.stderr.close()", [], id="closed"),
        pytest.param("sys.stderr = None\nraise SystemExit('x')", ["x"], id="none"),
    ],
)
def test_errors_are_logged_line_by_line(run: Run, source: str, log: list[str]) -> None:
    assert run(source).log == log


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("print(repr(sys.stdin.read()))", "'a\\r\\né'\n", id="text"),
        pytest.param("print(sys.stdin.buffer.read())", r"b'a\r\n\xc3\xa9'", id="bytes"),
        pytest.param("print(list(sys.stdin))", "['a\\r\\n', 'é']\n", id="lines"),
        pytest.param("print(repr(sys.stdin.read(100)))", "'a\\r\\né'\n", id="too much"),
        pytest.param(
            "sys.stdin.read()\nsys.stdin.buffer.seek(0)\nprint(sys.stdin.buffer.read(1))",
            "b'a'",
            id="seek",
        ),
        pytest.param(
            "sys.stdin.reconfigure(encoding='latin-1')\nprint(sys.stdin.read())",
            "a\r\nÃ©",
            id="reconfigure",
        ),
        pytest.param(
            "sys.stdin = io.TextIOWrapper(sys.stdin.buffer, 'latin-1')\n"
            "print(input(), input())",
            "a Ã©",
            id="wrapped",
        ),
    ],
)
def test_input(run: Run, source: str, text: str) -> None:
    assert run(source, stdin="a\r\né".encode()).text.strip() == text.strip()


def test_input_without_a_source_is_at_its_end(run: Run) -> None:
    assert run("print(repr(sys.stdin.read()))").text == "''\n"


def test_a_closed_output_refuses_to_be_written() -> None:
    raw = streams.OutputStream(lambda data: None)
    raw.close()
    with pytest.raises(ValueError, match="closed"):
        raw.write(b"x")


def test_a_muted_output_writes_to_nobody() -> None:
    writes: list[bytes] = []
    raw = streams.OutputStream(writes.append)
    raw.mute()
    assert raw.write(b"x") == 1
    assert writes == []


def test_layers_that_go_when_all_is_over_close_nothing() -> None:
    closed: list[str] = []

    class Output(streams.OutputStream):
        def close(self) -> None:
            closed.append("again")

    writes: list[bytes] = []
    raw = Output(writes.append)
    text = streams.open_output(raw)
    text.write("too late")
    raw.end()
    del text, raw
    assert (closed, writes) == ([], [])


def test_threads_that_go_on_may_write_to_nobody_when_all_is_over() -> None:
    writes: list[bytes] = []
    raw = streams.OutputStream(writes.append)
    raw.end(is_in_use=True)
    assert raw.write(b"late") == 4
    raw.end()
    with pytest.raises(ValueError, match="closed"):
        raw.write(b"later")
    assert writes == []


def test_an_empty_write_is_no_write() -> None:
    writes: list[bytes] = []
    streams.OutputStream(writes.append).write(b"")
    assert writes == []


def test_the_source_of_input_stays_open() -> None:
    source = io.BytesIO(b"x")
    streams.open_input(streams.open_raw_input(source)).close()
    assert not source.closed


def test_a_very_large_write_goes_out_in_pieces() -> None:
    writes: list[bytes] = []
    text = streams.open_output(streams.OutputStream(writes.append))
    text.write("x" * 1_000_000)
    text.flush()
    assert sum(map(len, writes)) == 1_000_000
    assert max(map(len, writes)) <= streams.LARGEST_WRITE


def test_a_stream_that_fails_oddly_does_not_keep_the_others_from_being_flushed() -> (
    None
):
    class Odd:
        closed = False

        def flush(self) -> None:
            raise RuntimeError

    writes: list[bytes] = []
    text = streams.open_output(streams.OutputStream(writes.append))
    text.write("kept")
    streams.flush_all([Odd(), text, text.buffer])
    assert writes == [b"kept"]


def test_line_ends_of_standard_input_stay(run: Run) -> None:
    source = """
print(ascii(sys.stdin.readline()), ascii(input()), ascii(sys.stdin.read()))
print(sys.stdin.newlines)
"""
    result = run(source, stdin=b"a\rb\r\nc\r\nd\r\ne\r")
    assert result.text == "'a\\rb\\r\\n' 'c\\r' 'd\\r\\ne\\r'\nNone\n"


@pytest.mark.parametrize("shebang", ["", "#!/usr/bin/python3 -u\n"])
def test_streams_have_the_modes_of_files(tmp_path: Path, shebang: str) -> None:
    source = "import sys\nfor stream in (sys.stdin, sys.stdout, sys.stderr):\n"
    path = save(tmp_path / "a.py", f"{shebang}{source}    print(stream.mode)\n")
    with stand_ins():
        assert run_file(path).text == "r\nw\nw\n"
