"""Chapter F of the catalogue: processes, threads, signals and limits."""

from tests.idioms import Play, Row, post

# Those that say "thread".
ENTRIES = (
    "F01 F03 F04 F05 F06 F08 F09 F10 F12 F13 F14 F15 F18 F19 F21 F24 F25 F26 F27 F29"
    " F30"
)

_LOW = "one limit is for all runs: none has less room than it would have had anyway"
_ENDLESS = (
    "it ends a process of its own by a segmentation fault, which must not be ours"
)
_STDIN = "F04_stdin_kinds.py"


def _outlive(play: Play) -> None:
    assert play.read_rest() == b"started None True\n"
    play.open_gate("0")
    assert play.wait_for_word() == b"/cgi-bin/F06_detached.py\n"


def _hold_open(play: Play) -> None:
    assert play.read_until(b"\n") == b"script ends\n"
    play.open_gate("0")
    assert play.read_until(b"\n") == b"late\n"
    play.open_gate("1")
    assert play.read_rest() == b"last\n"


ROWS = (
    Row("F01_without_flush.py", expect=b"by call\ntwice\npending\nend\n"),
    Row("F01_with_flush.py", expect=b"before 1\nsystem 1\ncheck_call 1\nbefore 2\n"),
    Row("F01_header_by_child.py", expect=b"all by a child"),
    Row("F01_popen.py", expect=b"one\n"),
    Row("F01_to_stderr.py", expect=b"end", log="third line"),
    Row("F01_order_of_bytes.py", expect=b"bytes 1\nwrite 1\nchild 1\nfileno 1\ntext 2"),
    Row("F01_exit_codes.py", expect=b"768 4 0\n-9 5\n"),
    Row("F01_spawn.py", expect=b"spawned\n2\nnot waited for\nTrue"),
    Row("F01_posix_spawn.py", expect=b"posix spawn\n0\nfound on the path\n0"),
    Row("F01_large.py", expect=b"x\nyyy"),
    Row(
        "F03_captured.py",
        "?a=b",
        fields=("User-Agent: x",),
        expect=b"a=b|by the script||hello\n/",
    ),
    Row("F03_environment.py", "?a=b", expect=b"set()\n[b'ODD\\xff', b'QUERY_STRING'"),
    Row("F03_path.py", "?1", expect=b"own a\ntool of our own b\nTrue\nTrue"),
    post("F04_stdin_passed.py", b"a body", "text/plain", expect=b"A BODY"),
    post("F04_stdin_inherited.py", b"a body", "text/plain", expect=b"a body\n''"),
    *(
        Row(_STDIN, f"?{kind}", method="POST", body=b"x" * 70000, expect=b"70000\n")
        for kind in (
            *("fd", "buffer", "system", "inherited", "input", "popen", "pipe"),
            "devnull",
        )
    ),
    Row("F04_stdin_inherited.py", expect=b"\n''"),
    post("F04_read_before.py", b"one\n" + b"x" * 20000, expect=b"'one\\n'\n1"),
    post("F04_read_before.py", b"one\ntwo\n", target="?short", expect=b"'one\\n'\n0\n"),
    Row("F05_background.py", expect=b"script ends\nlate\n"),
    Row("F05_shell_background.py", expect=b"script ends\nlate\n"),
    Row("F05_held_open.py", story=_hold_open),
    Row("F06_detached.py", story=_outlive),
    Row("F08_printing.py", expect=b"end of the script\nafter the end of the script"),
    post("F08_what_threads_see.py", b"body", expect=b"hello thread at"),
    Row("F08_contexts.py", expect=b"default 28\nof the script 0.33333\n"),
    Row(
        "F08_empty_context.py",
        expect=b"from an empty context",
    ),
    Row("F08_kinds.py", expect=b"True\nraw thread\ntimer\nnested"),
    Row("F08_exception.py", expect=b"goes on\nhook ValueError", log="in a thread"),
    Row("F08_probe.py", expect=b"True"),
    Row("F08_main_thread.py", expect=b"True MainThread False True\n1 True"),
    Row("F09_executor.py", "?q", expect=b"end of the script\nnot waited for"),
    Row("F09_dummy.py", expect=b"[1, 2, 3, 4, 5]\n1024"),
    Row("F10_daemon.py", "?1", expect=b"end True True\n"),
    Row("F10_probe.py", "?1", expect=b"pristine\n" * 20),
    Row("F12_asyncio_run.py", "?q", expect=b"asyncio\ntask 2 q\n"),
    Row("F12_event_loop.py", expect=b"result True\ncalled soon\nresult True"),
    Row("F12_subprocess.py", "?q", expect=b"b'captured\\n' 0\ninherited q\n3"),
    Row("F12_signal_handler.py", expect=b"heard True False"),
    Row("F12_streams.py", expect=b"b'HELLO\\n'"),
    Row("F12_policy.py", expect=b"a loop by our policy\nmain\nPolicy"),
    Row("F12_probe.py", expect=b"no running event loop\n"),
    Row("F13_never_fires.py", expect=b"499500 True\nTrue 0 True\nends with"),
    Row("F13_in_a_loop.py", expect=b"True spin\ncaught time is up\n(0.0, 0.0)"),
    Row("F13_in_a_sleep.py", expect=b"woken True"),
    Row("F13_exit.py", expect=b"before\nfinally\n", log="too slow"),
    Row("F13_no_handler.py", expect=b"flushed\n"),
    Row("F13_interval.py", expect=b"(0.0, 0.0)\nTrue 0.01"),
    Row("F14_probe.py", "?alarms", expect=b"SIGALRM 0"),
    Row("F14_handlers.py", expect=b"SIGTERM True True\nTrue\nTrue"),
    Row("F14_raised.py", expect=b"handled True\nafter kill\nhandled True"),
    Row("F14_sigpipe.py", expect=b"True\nTrue"),
    Row("F15_sigchld.py", expect=b"True\nchild\nb'captured\\n'\nTrue"),
    Row("F14_probe.py", expect=b"SIGTERM 0"),
    Row("F18_umask.py", "?1", expect=b"0o22 0o2\n0o100640 0o40750\n0027"),
    Row("F18_probe.py", expect=b"0022\n0o22"),
    Row("F19_chdir.py", expect=b'E05_a True True\nNAME = "application a"'),
    Row("F19_probe.py", expect=b"True"),
    Row("F19_gone.py", "?1", expect=b"[Errno 2]"),
    Row("F19_probe.py", "?again", expect=b"True"),
    Row("F21_flock.py", "?1", expect=b"[Errno 11]"),
    Row("F21_lockf.py", "?1", expect=b"one process has them all"),
    Row("F24_times.py", expect=b"True True\nTrue 16 True\nTrue True\nFalse"),
    Row("F24_threads.py", expect=b"True"),
    Row("F25_sleep.py", expect=b"True"),
    Row(
        "F26_recursion.py",
        expect=b"1000 True\nmaximum recursion depth exceeded\n5000 4500",
    ),
    Row("F26_low.py", expect=b"200 500", better=_LOW),
    Row("F26_deep.py", expect=b"100000 9000\n10002"),
    Row("F26_endless.py", expect=b"RecursionError", alone=_ENDLESS),
    Row("F26_probe.py", expect=b"1000 800\n"),
    Row("F27_gc.py", expect=b"True (700, 10, 10)\nFalse\nTrue\n(100000, 50, 50)"),
    Row("F27_probe.py", expect=b"True (700, 10, 10) 0 []"),
    Row("F29_mmap.py", "?1", expect=b"0 True True"),
    Row("F30_input.py", expect=b"EOFError EOF when reading a line\nname? EOF"),
    Row("F30_pdb.py", expect=b"-> return number\n(Pdb) "),
)
