"""Which texts start a program that has rights of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.interpreter.classify_case import PROCESS, THREAD
from httpout_cgi.interpreter.classify_programs import find_privileged


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("/usr/sbin/sendmail", "sendmail"),
        ("/usr/lib/sendmail -t -i", "sendmail"),
        ("/opt/qmail/bin/sendmail\n", "sendmail"),
        ("sendmail", "sendmail"),
        ("sudo -u backup /usr/bin/dump", "sudo"),
        ("/usr/bin/mail -s Hello", "mail"),
        ("/bin/ping", "ping"),
        ("  exim4 -bt x", "exim4"),
        ("mail", ""),
        ("at", ""),
        ("/contact/mail", ""),
        ("Sent by sendmail.", ""),
        ("sendmailer", ""),
        ("/usr/bin/mailto", ""),
        ("", ""),
    ],
)
def test_text_that_may_be_a_command(text: str, program: str) -> None:
    assert find_privileged(text, is_command=False) == program


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("mail", "mail"),
        ("echo x | mail -s Hello root", "mail"),
        ("cd /tmp; at now", "at"),
        ("true && crontab -l", "crontab"),
        ("x=$(mailq)", "mailq"),
        ("sendmail<x", ""),
        ("cat mail", ""),
        ("email", ""),
    ],
)
def test_text_that_is_a_command(text: str, program: str) -> None:
    assert find_privileged(text, is_command=True) == program


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("import os\nMAIL = '/usr/sbin/sendmail'\np = os.popen(MAIL, 'w')", "sendmail"),
        ("import os\nos.popen('%s -t' % '/usr/lib/sendmail', 'w')", "sendmail"),
        ("import os, sys\nos.system(f'{sys.argv[0]} | mail -s x root')", "mail"),
        ("import subprocess\nsubprocess.run(['mail', '-s', 'x'])", "mail"),
        ("import os\nos.system('ls')\nfield = 'mail'", ""),
        ("MAIL = b'/usr/sbin/sendmail', 25", ""),
    ],
)
def test_script_that_starts_one_has_a_process(
    tmp_path: Path, source: str, call: str
) -> None:
    path = tmp_path / "script.py"
    path.write_text(source)
    verdict = Classifier().judge(str(path))
    assert verdict.runner == (PROCESS if call else THREAD)
    assert [one.call for one in verdict.reasons] == ([call] if call else [])
