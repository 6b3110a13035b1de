"""Chapter B of the catalogue: output."""

from tests.idioms import Play, Row

# Those that say "thread".
ENTRIES = """
B01 B02 B03 B04 B05 B06 B07 B08 B09 B10 B11 B12 B13 B14 B15
B16 B17 B18 B19 B20 B21 B22 B23 B24 B25 B26 B28 B29
"""

_LAST_FLUSH = "that the last flush failed helps nobody"
_CLOSED = "the client need not wait for work that has nothing to say"


def _follow_progress(play: Play) -> None:
    for number in range(3):
        play.read_until(b"step %d." % number)
        play.open_gate(str(number))
    assert play.read_rest() == b"\ndone\n"


def _leave_events(play: Play) -> None:
    play.read_until(b"data: first\n\n")
    play.open_gate("0")
    play.read_until(b"data: x\n\n" * 1000)
    play.leave()
    assert play.wait_for_word() == b"BrokenPipeError 32"


def _see_the_end_before_the_work(play: Play) -> None:
    assert play.read_rest() == b"done\n"
    play.open_gate("0")
    assert play.wait_for_word() == b"worked"


ROWS = (
    Row("B01_print.py", expect=b"<h1>Hi</h1>\na-1-None!\n"),
    Row("B01_print_rebound.py", expect=b"evaluated\nexecuted\nlambda\n"),
    Row("B02_header_block.py", expect=b"<html><body>block</body></html>"),
    Row("B03_leading_newline.py", expect=b"Content-Type: text/html\n\n<html>"),
    Row(
        "B04_write.py",
        expect=b"<stdout>\nFalse False None False\n",
    ),
    Row("B04_modes.py", expect=b"<stdin> r rb"),
    Row("B05_binary.py", expect=b"\x89PNG\r\n\x1a\n\0\0\0\1\2"),
    Row("B05_mixed.py", expect=b"before the text\ntext again\n", log="6"),
    Row(
        "B05_all_binary.py",
        expect=b"one\ntwo\n",
        log="BufferedWriter",
    ),
    Row("B06_no_flush.py", status=500, log="malformed header"),
    Row("B06_no_flush_of_letters.py"),
    Row("B06_large_text_first.py", expect=b"xBINARY\n\ntail"),
    Row("B06_many_lines.py", expect=b"line 2999\n"),
    Row(
        "B07_os_write.py",
        expect=b"raw\nraw too\n4 8\ntext behind",
        log="raw error",
    ),
    Row("B07_os_write_first.py", expect=b"raw first\na text that"),
    Row(
        "B07_writev.py",
        expect=b"one\ntwo\n8 False False\nview\narray\n",
    ),
    Row("B08_fdopen.py", expect=b"fd"),
    Row("B08_fdopen_python2.py", expect=b"0\n1\n2\n"),
    Row("B08_fdopen_text.py", expect=b"h\xe9\nbetween\nbehind\n"),
    Row("B09_open_1.py", expect=b"opened\nprinted\n"),
    Row(
        "B09_open_1_text.py",
        expect=b"caf\xc3\xa9\nfile\nrestored",
        log="to the log",
    ),
    Row("B10_codecs_detach.py", expect="hé\nunderlying buffer has been".encode()),
    Row(
        "B10_detach_only.py",
        any_log=_LAST_FLUSH,
        expect=b"bytes\nnot flushed\n",
        log="BufferedWriter",
    ),
    Row("B10_detach_stderr.py", expect=b"out", log="ZeroDivisionError"),
    Row("B11_codecs_buffer.py", expect="hé\nwritten\nby the old".encode()),
    Row("B11_errors.py", expect=b"h&#233; &#20013;\nstream\n"),
    Row("B12_wrapper.py", expect="hé utf-8\nbytes in order\ntext".encode()),
    Row("B12_wrapper_detach.py", expect="hé".encode(), log="to the log"),
    Row("B12_wrapper_collected.py", expect=b"page", log="closed file"),
    Row("B12_wrapper_twice.py", expect=b"third \xe9\nsecond \xc3\xa9\nfirst\nthird"),
    Row("B12_line_buffering.py", expect=b"unbuffered"),
    Row("B12_open_stdout_wrapper.py", expect=b"SHOUTING"),
    Row("B13_reconfigure.py", expect=b"h\xe9\r\nlatin-1", log="log &#233;"),
    Row("B13_no_leak.py", expect=b"utf-8 surrogateescape False back"),
    Row("B14_restore.py", expect=b"CAPTURED\nback True\n", log="straight to the log"),
    Row("B14_tee.py", expect=b"both\nTrue\n", log="both"),
    Row("B14_write_only.py", any_log=_LAST_FLUSH, expect=b"a &amp; b\n'&amp;'\n"),
    Row("B14_deleted.py", expect=b"back\n", log="AttributeError"),
    Row("B15_redirect.py", expect=b"['captured', 'Help on", log="to the log"),
    Row("B16_stderr_to_browser.py", expect=b"ZeroDivisionError: division by zero"),
    Row("B16_stderr_in_function.py", expect="LookupError: café".encode()),
    Row(
        "B17_stderr.py",
        expect=b"backslashreplace True <stderr> utf-8",
        log="debug 1",
    ),
    Row("B18_progress.py", story=_follow_progress),
    Row("B19_events.py", story=_leave_events),
    Row("B20_large.py", expect=bytes(range(256)) * 40_000),
    Row("B20_one_write.py", expect=b"0123456789" * 300_000),
    Row("B21_copyfileobj.py", expect=b"\xff" * 100_000 + b"text\n"),
    Row(
        "B22_close.py",
        story=_see_the_end_before_the_work,
        alone=_CLOSED,
    ),
    Row("B22_close_and_end.py", expect=b"done\n", log="True"),
    Row("B23_close_1.py", story=_see_the_end_before_the_work),
    Row("B23_dup2.py", story=_see_the_end_before_the_work),
    Row("B24_unencodable.py", expect=b"\xff\n\xe4\xb8\xad", log="\\udce9"),
    Row("B25_windows.py", expect=b"linux"),
    Row(
        "B26_unbuffered.py",
        expect=b"in order\ntext\nraw\nTrue False\n",
    ),
    Row("B26_env_s.py", expect=b"in order\nFalse\n"),
    Row("B26_many_flags.py", expect=b"in order\nTrue\n"),
    Row("B26_warnings.py", expect=b"quiet"),
    Row("B26_warnings_error.py", expect=b"raised loud"),
    Row("B26_utf8.py", expect="utf-8 utf-8 é".encode()),
    Row(
        "B26_isolated.py",
        expect=b"False\nNo module named 'idiom_helper'",
    ),
    Row("B26_flags.py", expect=b"1 1 0\n"),
    Row("B28_gzip.py", expect=b"\x1f\x8b"),
    Row("B28_gzip_file.py", expect=b"\x1f\x8b"),
    Row("B28_zip.py", expect=b"hello" * 100),
    Row("B28_csv.py", expect=b'a,"b""c","d,e"\r\n1,2\r\n3,\r\n'),
    Row("B29_head.py", expect=b"body body"),
    Row("B29_head.py", method="HEAD"),
)
