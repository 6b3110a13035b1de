"""Where the catalogue's entries are sent: those that say process, and the others."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List

import pytest
from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.interpreter.classify_case import PROCESS, THREAD

CASES = Path(__file__).parent.parent / "cases/idioms"

# What the catalogue marks as process: the entry, and its example.
MARKED = [
    ("A10", "data = open('/dev/stdin', 'rb').read()"),
    ("A18", "import os, time\nos.environ['TZ'] = 'Asia/Tokyo'; time.tzset()"),
    ("A18 C", "import os\nos.environ['NLS_LANG'] = 'GERMAN'; import oracledb"),
    ("D19", "import ctypes\nctypes.string_at(0)"),
    ("E23", "#!/usr/bin/python2\nprint 'x'"),
    ("E26", "#!/usr/bin/env python3\nPK\3\4 and so on"),
    ("F02", "import os, sys\nprint('once')\nif os.fork() == 0: sys.exit(0)\nos.wait()"),
    ("F07", "import os\nif os.fork():\n    os._exit(0)\nos.setsid()"),
    ("F11", "from multiprocessing import Pool\nwith Pool(2) as pool: pass"),
    ("F11 process", "import multiprocessing\nmultiprocessing.Process(target=print)"),
    (
        "F11 executor",
        "from concurrent.futures import ProcessPoolExecutor as P\nP().submit(print)",
    ),
    ("F16 cpu", "import resource as r\nr.setrlimit(r.RLIMIT_CPU, (5, 5))"),
    ("F16 memory", "import resource as r\nr.setrlimit(r.RLIMIT_AS, (2**30, 2**30))"),
    ("F17", "import os\nos.nice(10)"),
    ("F17 affinity", "import os\nos.sched_setaffinity(0, {0})"),
    ("F20", "import os\nos.chroot('/tmp')"),
    ("F20 user", "import os\nos.setgid(65534); os.setuid(65534)"),
    ("F21", "import fcntl\nfcntl.lockf(open('x', 'w'), fcntl.LOCK_EX)"),
    ("F22", "import os\nname = '/tmp/sess.%d' % os.getpid()"),
    ("G01", "import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')"),
    ("G03", "import time\ntime.tzset()"),
    ("G06", "import socket\nsocket.setdefaulttimeout(5)"),
    (
        "G07",
        "import urllib.request\nfrom urllib.request import build_opener\n"
        "urllib.request.install_opener(build_opener())",
    ),
    ("G08", "import random\nrandom.seed(42)"),
    ("G10", "import warnings\nwarnings.filterwarnings('ignore')"),
    ("G11", "import csv, sys\ncsv.field_size_limit(sys.maxsize)"),
    ("G11 dialect", "import csv\ncsv.register_dialect('pipes', delimiter='|')"),
    ("G11 errors", "import codecs\ncodecs.register_error('mine', print)"),
    ("G11 types", "import mimetypes\nmimetypes.add_type('text/x-mine', '.mine')"),
    ("G12", "import tempfile\ntempfile.tempdir = '/var/tmp/app'"),
    ("G13", "import cgi\ncgi.maxlen = 10*2**20"),
    ("G14", "import matplotlib; matplotlib.use('Agg')"),
    ("G14 plot", "import matplotlib.pyplot as plt\nplt.plot([1])"),
    ("G16", "import django\ndjango.setup()"),
    ("H11", "#!/usr/bin/env -S python3 -u -m app.cgi\nprint()"),
    ("exec", "import os\nos.execvp('date', ['date'])"),
]

# Entries whose rows try in threads what the catalogue would rather see in a process.
MARKED_ROWS = ("F21_held.py", "F21_lockf.py", "G01", "G08", "G10", "G12", "G13")


@pytest.mark.parametrize(("name", "source"), MARKED, ids=[name for name, _ in MARKED])
def test_what_the_catalogue_marks_as_process_is_sent_there(
    tmp_path: Path, name: str, source: str
) -> None:
    if name == "G13" and find_spec("cgi") is None:
        pytest.skip("this Python has no cgi")
    path = tmp_path / "script.py"
    path.write_text(source)
    verdict = Classifier().judge(str(path))
    assert verdict.runner == PROCESS, verdict
    assert verdict.reasons


def list_scripts() -> Dict[str, List[Path]]:
    """Return the scripts of all rows by their entries, but for those marked process."""
    found: Dict[str, List[Path]] = {}
    for path in sorted(CASES.glob("*")):
        name = path.name[4:] if path.name.startswith("nph-") else path.name
        is_script = path.is_file() and path.suffix in ("", ".cgi", ".py")
        is_marked = name.startswith(MARKED_ROWS)
        if is_script and not is_marked and re.match(r"[A-H]\d\d_", name):
            found.setdefault(name[:3], []).append(path)
    return found


def test_few_of_the_other_entries_are_sent_to_a_process() -> None:
    classifier = Classifier()
    entries = list_scripts()
    sent: Dict[str, List[str]] = {}
    for entry, paths in entries.items():
        for path in paths:
            verdict = classifier.judge(str(path), {"GREETING": "hello"})
            if verdict.runner != THREAD:
                sent.setdefault(entry, []).append(f"{path.name}: {verdict.reasons}")
    share = len(sent) / len(entries)
    print(f"{len(sent)} of {len(entries)} entries ({share:.1%}): {sent}")
    assert len(entries) > 120
    assert share <= 0.1, sent
