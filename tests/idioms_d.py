"""Chapter D of the catalogue: exit and errors."""

from tests.idioms import Play, Row

# Those that say "thread", D21 with the time limit that both runners have.
ENTRIES = """
D01 D02 D03 D04 D05 D06 D07 D08 D09 D10 D11
D12 D13 D14 D15 D16 D17 D18 D20 D21 D22 D23
"""

_WORDS = "ours names the file and the line, CPython's reader does not"
_DEPTH = "our frames are on the stack, too, and so fewer of the script's"
_LATE = "what is registered at exit is called as well, not forgotten"
_ENDLESS = "a child would never end"


def _leave(play: Play) -> None:
    play.read_until(b"first\n")
    play.leave()
    play.open_gate("0")


def _notice_twice(play: Play) -> None:
    _leave(play)
    assert play.wait_for_word() == b"BrokenPipeError twice Broken pipe"


def _end_in_order(play: Play) -> None:
    _leave(play)
    assert play.wait_for_word() == b"at exit"


ROWS = (
    Row("D01_exit.py", expect=b"output so far\n"),
    Row("D01_quit.py", "?exit", expect=b"Use exit() or"),
    Row("D01_quit.py", "?quit", expect=b"Use quit() or"),
    Row("D01_quit.py", "?exit0", expect=b"Use exit() or"),
    Row("D01_quit.py", "?none", expect=b"Use exit() or"),
    Row("D01_raise.py", expect=b"try\nfinally\nouter finally\n"),
    Row("D01_nested.py", expect=b"</html> SystemExit bye\n", log="bye"),
    Row("D01_in_thread.py", expect=b"in thread\nafter the thread\n"),
    Row("D01_in_atexit.py", expect=b"first\nlast\n"),
    Row("D01_exit_in_import.py", expect=b"in the helper\n"),
    Row("D02_exit_code.py", expect=b"with a code", log="exit code 3"),
    Row("D02_odd_codes.py", "?true", log="exit code 1"),
    Row("D02_odd_codes.py", "?big"),
    Row("D02_odd_codes.py", "?negative", log="exit code 255"),
    Row("D02_odd_codes.py", "?float", log="1.5"),
    Row("D02_odd_codes.py", "?tuple", log="(1, 2)"),
    Row("D02_odd_codes.py", "?two", log="(1, 2)"),
    Row("D03_message.py", expect=b"page", log="cannot connect: é\nsecond line"),
    Row("D03_message_before_headers.py", status=500, log="no database"),
    Row("D04_os_exit.py", status=500),
    Row("D04_os_exit_flushed.py", expect=b"kept", log="exit code 5"),
    Row("D04_os_exit_in_function.py"),
    Row("D05_early.py", status=500, log="RuntimeError: before the headers: s3cret"),
    Row("D05_chained.py", status=500, log="was the direct cause of"),
    Row("D05_kinds.py", "?odd", status=500, log="<exception str() failed>"),
    Row("D05_kinds.py", "?interrupt", status=500, log="KeyboardInterrupt"),
    Row("D05_kinds.py", "?generator", status=500, log="GeneratorExit"),
    Row("D05_kinds.py", "?stop", status=500, log="StopIteration: 1"),
    Row("D05_kinds.py", "?class", status=500, log="Bad"),
    Row("D05_kinds.py", "?unicode", status=500, log="café \\udcff"),
    Row("D05_kinds.py", "?lines", status=500, log="Bad: a\nb\n"),
    Row("D05_groups.py", status=500, log="one"),
    Row("D06_late.py", expect=b"half a page\n1.0\n", log="ZeroDivisionError"),
    Row("D06_in_library.py", expect=b"half a page", log="JSONDecodeError"),
    Row("D07_syntax.py", status=500, log="SyntaxError"),
    Row("D07_syntax.py", "?again", status=500, log="SyntaxError"),
    Row("D07_indentation.py", status=500, log="IndentationError"),
    Row("D07_tabs.py", any_log=_WORDS, status=500, log="TabError"),
    Row("D07_cookie.py", any_log=_WORDS, status=500, log="no-such-codec"),
    Row("D07_in_helper.py", expect=b"SyntaxError 1", log="SyntaxError"),
    Row("D08_everything.py", status=500, expect=b"NameError: name 'undefined_name'"),
    Row("D08_catches_exit.py", expect=b"caught SystemExit 1"),
    Row("D08_endless.py", mount="/short/", status=504, alone=_ENDLESS),
    Row("D09_cgitb.py", expect=b"b = a * 2"),
    Row("D09_cgitb_html.py", expect=b"NameError"),
    Row("D09_cgitb_early.py", expect=b"KeyError"),
    Row("D09_cgitb_in_import.py", expect=b"SyntaxError"),
    Row("D10_logdir.py", expect=b"page\n<p>"),
    Row("D11_handler.py", expect=b"ValueError", log="IndexError"),
    Row("D11_handler_html.py", expect=b"goes on"),
    Row("D12_excepthook.py", expect=b"<pre>sorry: RuntimeError broken line 9</pre>"),
    Row(
        *("D12_hook_before_headers.py", ""),
        status=503,
        expect=b"FileNotFoundError",
        log="FileNotFoundError",
    ),
    Row("D12_hook_fails.py", expect=b"page", log="Original exception was:"),
    Row("D12_hook_exits.py", expect=b"hooked", log="left by the hook"),
    Row("D12_default_hook.py", expect=b"KeyError: 1\n", log="ZeroDivisionError"),
    Row("D12_hook_deleted.py", log="RuntimeError: no hook"),
    Row(
        "D12_threading_excepthook.py",
        expect=b"thread failed: ValueError in thread",
    ),
    Row("D12_thread_fails.py", expect=b"main goes on", log="ValueError: in thread"),
    Row(
        "D12_unraisable.py",
        expect=b"goes on",
        log="Broken.__del__",
    ),
    Row(
        "D13_atexit.py",
        expect=b"cleanup False\n<!-- bye -->\n",
        log="at exit",
    ),
    Row("D13_register_at_exit.py", expect=b"main\nfirst\ntoo late\n", better=_LATE),
    Row("D13_after_error.py", expect=b"still called\n", log="RuntimeError: failed"),
    Row("D13_after_threads.py", expect=b"1 main\n2 thread\nregistered by"),
    Row("D13_thread_in_atexit.py", expect=b"last\n"),
    Row("D14_del.py", expect=b"at exit\n__del__ module\n"),
    Row("D14_del_uses_helpers.py", expect=b"<title>"),
    Row("D14_cycle.py", expect=b"end of main\ncollected node\ncollected node\n"),
    Row("D14_in_helper_module.py", expect=b"end of main\nconnection closed\n"),
    Row("D14_open_files.py", expect=b"''"),
    Row("D15_finalize.py", expect=b"dropped early\nend of main True\nfinalized\n"),
    Row("D15_finalize_order.py", expect=b"end\n"),
    Row("D15_with.py", expect=b"content\ncallback\n<hr>\n", log="left"),
    Row("D15_generator.py", expect=b"end of main\ngenerator closed\n"),
    Row("D15_tempfile.py", expect=b"True\nFalse\n"),
    Row(
        "D16_warnings.py",
        "?first",
        expect=b"end",
        log="UserWarning: x",
    ),
    Row(
        "D16_warnings.py",
        "?second",
        expect=b"end",
        log="UserWarning: x",
    ),
    Row("D16_registry.py", expect=b"__warningregistry__"),
    Row("D16_categories.py", log="Mine: mine"),
    Row("D16_showwarning.py", expect=b"UserWarning: redirected", log=""),
    Row("D16_catch.py", expect=b"['caught 0', 'caught 1']", log="printed again"),
    Row("D16_syntax.py", "?first", expect=rb"True \d", log="SyntaxWarning"),
    Row("D17_optimized.py", expect=b"False\n1\n"),
    Row("D17_plain.py", expect=b"True 2\n", log="AssertionError: checked"),
    Row("D17_docstrings.py", expect=b"None None False"),
    Row("D17_plain.py", "?again", expect=b"True 2\n", log="AssertionError: checked"),
    Row(
        "D18_recursion.py",
        any_log=_DEPTH,
        expect=b"maximum recursion",
        log="RecursionError",
    ),
    Row("D18_deep_recursion.py", expect=b"9500 10000"),
    Row("D18_limit_is_reset.py", expect=b"1000"),
    Row("D18_memory.py", expect=b"MemoryError"),
    Row("D20_abort.py", status=500),
    Row("D20_kill.py", status=500),
    Row("D20_kill_flushed.py", expect=b"kept"),
    Row("D20_terminate.py", status=500),
    Row("D21_endless.py", mount="/short/", status=504, alone=_ENDLESS),
    Row("D21_waiting.py", mount="/short/", status=504, alone=_ENDLESS),
    Row("D22_disconnect.py", story=_notice_twice),
    Row("D22_uncaught.py", story=_end_in_order),
    Row("D23_sigpipe.py", expect=b"page\nTrue\n"),
    Row("D23_guarded.py", expect=b"True True"),
)
