"""What a thread refuses: the entries of the catalogue that say "process".

A script that does it is answered 500, and the log says what it called and which setting
it needs; the worker goes on.
"""

import re
from collections.abc import Iterator

import pytest

from tests.live_site import EMPTY, Site, start_site

# The entry, what the log names, and the script.
REFUSED = [
    ("A18", "time.tzset", "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()"),
    ("F02", "os.fork", "if os.fork() == 0: sys.exit(0)"),
    ("F07", "os.fork", "pid = os.fork(); pid or (os.setsid(), os.fork())"),
    ("F11", "Process.start", "multiprocessing.Pool(2)"),
    ("F11 process", "Process.start", "multiprocessing.Process(target=print).start()"),
    (
        "F11 executor",
        "ProcessPoolExecutor",
        "concurrent.futures.ProcessPoolExecutor(1).submit(print)",
    ),
    (
        "F16",
        "resource.setrlimit",
        "resource.setrlimit(resource.RLIMIT_CPU, (5, 5))",
    ),
    (
        "F16 memory",
        "resource.setrlimit",
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))",
    ),
    ("F17", "os.nice", "os.nice(10)"),
    ("F17 affinity", "os.sched_setaffinity", "os.sched_setaffinity(0, {0})"),
    ("F20", "os.chroot", "os.chroot('/tmp')"),
    ("F20 user", "os.setuid", "os.setuid(65534)"),
    ("F20 group", "os.setgid", "os.setgid(65534)"),
    ("F28", "os.kill", "os.kill(os.getppid(), signal.SIGHUP)"),
    ("F28 group", "os.killpg", "os.killpg(os.getpgrp(), signal.SIGHUP)"),
    ("F28 all", "os.kill", "os.kill(-1, signal.SIGTERM)"),
    ("G01", "locale.setlocale", "locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')"),
    ("G02", "gettext.bindtextdomain", "gettext.bindtextdomain('app', 'locale')"),
    ("G02 domain", "gettext.textdomain", "gettext.textdomain('app')"),
    ("G03", "time.tzset", "os.environ['TZ'] = 'UTC-5'; time.tzset()"),
    ("G06", "socket.setdefaulttimeout", "socket.setdefaulttimeout(5)"),
    (
        "G07",
        "urllib.request.install_opener",
        "urllib.request.install_opener(urllib.request.build_opener())",
    ),
    ("G11", "csv.field_size_limit", "csv.field_size_limit(sys.maxsize)"),
    (
        "G11 dialect",
        "csv.register_dialect",
        "csv.register_dialect('pipes', delimiter='|')",
    ),
    (
        "G11 errors",
        "codecs.register_error",
        "codecs.register_error('mine', lambda error: ('?', error.end))",
    ),
    ("G11 types", "mimetypes.add_type", "mimetypes.add_type('text/x-mine', '.mine')"),
    ("exec", "os.execvp", "os.execvp('date', ['date'])"),
    ("exec list", "os.execl", "os.execl('/bin/date', 'date')"),
]

# Where a locale is not installed, the original refuses it.
_NO_LOCALE = "unsupported locale setting"

IMPORTS = """\
import asyncio, codecs, concurrent.futures, csv, gettext, locale, mimetypes
import multiprocessing, os, resource, signal, socket, sys, time, urllib.request
"""

# What a process of its own would tell after all of that.
UNCHANGED = """\
print("Content-Type: text/plain\\n")
print(time.tzname[0] == time.strftime("%Z"), "TZ" in os.environ)
print(resource.getrlimit(resource.RLIMIT_CPU), os.nice(0))
print(locale.setlocale(locale.LC_ALL), socket.getdefaulttimeout())
print(csv.field_size_limit(), "pipes" in csv.list_dialects())
print(mimetypes.guess_type("a.mine"), urllib.request._opener, gettext.textdomain())
print(os.getpid(), os.getuid(), os.getgid(), os.sched_getaffinity(0))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("refused"), EMPTY) as site:
        yield site


@pytest.mark.parametrize(
    ("name", "call", "source"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_a_thread_refuses_what_needs_a_process(
    site: Site, name: str, call: str, source: str
) -> None:
    site.write("unchanged.py", IMPORTS + UNCHANGED)
    before = site.ask("/cgi-bin/unchanged.py")
    assert before.status == 200, before
    script = re.sub(r"\W", "_", name) + ".py"
    site.write(script, f"{IMPORTS}{source}\n")

    assert site.ask(f"/cgi-bin/{script}").status == 500

    site.wait_for_log(rf"/{script} .*({re.escape(call)}.*runner: process|{_NO_LOCALE})")
    assert site.ask("/cgi-bin/unchanged.py").body == before.body
