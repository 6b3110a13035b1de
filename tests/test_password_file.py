import os
import shutil
import subprocess
from pathlib import Path

import pytest

from httpout_cgi import password_file
from httpout_cgi.password_file import PasswordFile, parse_passwords, read_passwords
from httpout_cgi.password_hashes import is_password
from tests.access_site import CASES

SHA = "{SHA}" + "A" * 27 + "="
SALT = "." * 22


def test_users_of_htpasswd_are_all_read() -> None:
    passwords = read_passwords(CASES / "users.htpasswd")
    assert passwords.problems == ()
    assert len(passwords.hashes) == len(passwords.any_hashes) == 8
    assert "zoë".encode() in passwords.hashes


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"alice", "is not user:hash", id="no colon"),
        pytest.param(b":" + SHA.encode(), "is not user:hash", id="no user"),
        pytest.param(b"alice:", "no hash", id="no hash"),
        pytest.param(b"alice:open sesame", "no hash", id="plain text"),
        pytest.param(b"alice:$1$abc$" + b"." * 22, "no hash", id="MD5 of crypt(3)"),
        pytest.param(
            b"alice:$2y$18$" + b"." * 53, "no hash", id="a cost that nobody waits for"
        ),
        pytest.param(b"alice:$2x$05$" + b"." * 53, "no hash", id="bcrypt with a bug"),
        pytest.param(
            b"alice:$2y$05$" + b"." * 21 + b"k" + b"." * 31,
            "no hash",
            id="a salt that bcrypt would raise for",
        ),
        pytest.param(
            b"alice:$5$rounds=9999999$a$" + b"." * 43, "no hash", id="too many rounds"
        ),
        pytest.param(b"alice:*" + SHA.encode(), "no hash", id="locked"),
        pytest.param(b"alice:\xff\xfe", "no hash", id="no text"),
    ],
)
def test_what_cannot_be_a_hash_is_told_and_not_shown(line: bytes, problem: str) -> None:
    passwords = parse_passwords(b"# users\n\n" + line + b"\n")
    assert passwords.hashes == {}
    assert len(passwords.problems) == 1
    assert passwords.problems[0].startswith("line 3 ")
    assert problem in passwords.problems[0]
    assert "sesame" not in passwords.problems[0]


def test_of_two_lines_for_a_user_the_first_counts() -> None:
    passwords = parse_passwords(f"a:{SHA}\na:{'B' * 13}\n".encode())
    assert passwords.hashes == {b"a": SHA}
    assert passwords.problems == ("line 2 is for a user that has one already",)


def test_what_stands_behind_the_hash_is_a_comment() -> None:
    data = f" a:{SHA}:Alice\r\nb:{SHA} \n".encode()
    assert parse_passwords(data).hashes == {b"a": SHA, b"b": SHA}


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"a:{SHA}\n")
    # Not fresh: else, it is read each time.
    file = PasswordFile(path)
    assert file.look()[0].hashes == {b"a": SHA}
    other = tmp_path / "other"
    other.write_text(f"b:{SHA}\n")
    os.replace(other, path)
    assert file.look()[0].hashes == {b"b": SHA}


def test_a_file_that_stays_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "users"
    path.write_text(f"a:{SHA}\n")
    monkeypatch.setattr(password_file, "_FRESH_NS", -1 << 62)
    file = PasswordFile(path)
    assert [file.look()[1] for _ in range(3)] == [True, False, False]


def test_a_file_that_was_just_written_may_be_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "users"
    path.write_text(f"a:{SHA}\n")
    monkeypatch.setattr(password_file, "_FRESH_NS", 1 << 62)
    file = PasswordFile(path)
    assert [file.look()[1] for _ in range(3)] == [True, True, True]


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "users")
    with pytest.raises(OSError, match="no file of users"):
        PasswordFile(tmp_path / "users").look()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-m"], id="apr1"),
        pytest.param(["-B", "-C", "5"], id="bcrypt"),
        pytest.param(["-s"], id="SHA-1"),
        pytest.param(["-d"], id="crypt"),
        pytest.param(["-2"], id="SHA-256"),
        pytest.param(["-2", "-r", "2000"], id="SHA-256 with rounds"),
        pytest.param(["-5"], id="SHA-512"),
    ],
)
@pytest.mark.skipif(not shutil.which("htpasswd"), reason="no htpasswd (apache2-utils)")
def test_what_htpasswd_writes_is_understood(options: list[str]) -> None:
    command = ["htpasswd", "-nb", *options, "alice", "sésame"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this htpasswd does not know the option")
    passwords = parse_passwords(done.stdout)
    assert passwords.problems == ()
    hash_ = passwords.hashes[b"alice"]
    assert is_password("sésame".encode(), hash_)
    assert not is_password(b"sesame", hash_)
    assert not is_password(b"", hash_)
    assert not is_password(b"\xff" * 1024, hash_)
