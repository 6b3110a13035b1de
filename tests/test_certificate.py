"""The certificate: what is wrong with it is told, with the way out."""

import datetime
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256

from httpout_cgi.config import TLS
from httpout_cgi.errors import ConfigError
from httpout_cgi.processes import certificate
from tests.live import ROOT
from tests.tls_site import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> TLS:
    authority.write(tmp_path)
    return TLS(certificate=tmp_path / "chain.pem", key=tmp_path / "key.pem")


def complain(files: TLS) -> str:
    with pytest.raises(ConfigError) as caught:
        certificate.read(files)
    (problem,) = caught.value.problems
    assert "\n" not in problem
    folder = str(files.key.parent)
    return problem.replace(folder, "FOLDER")


def test_what_is_right_gives_no_warning(files: TLS) -> None:
    read = certificate.read(files)
    assert read.warnings == ()
    # Nothing prints it by mistake: a dataclass in a traceback, say.
    assert "PRIVATE" not in f"{read} {read!r}"


def test_what_else_is_in_the_files_does_not_matter(files: TLS) -> None:
    plain = certificate.read(files)
    both = files.certificate.read_text() + files.key.read_text()
    files.certificate.write_text(f"subject=one.example\n{both}")
    files.key.write_text(f"-----BEGIN EC PARAMETERS-----\nBggq\n{both}")
    assert certificate.read(files).pem == plain.pem


def test_the_context_is_safe(files: TLS) -> None:
    context = certificate.make_context(certificate.read(files).pem)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    for option in ("NO_RENEGOTIATION", "NO_COMPRESSION", "CIPHER_SERVER_PREFERENCE"):
        assert context.options & getattr(ssl, f"OP_{option}")
    for cipher in context.get_ciphers():
        assert cipher["aead"]
        assert cipher["kea"] in ("kx-ecdhe", "kx-any")


def test_no_file_keeps_the_key(files: TLS, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.listdir("/proc/self/fd")
    certificate.make_context(certificate.read(files).pem)
    assert os.listdir("/proc/self/fd") == before


def test_a_warning_for_a_key_that_everybody_can_read(files: TLS) -> None:
    files.key.chmod(0o644)
    (warning,) = certificate.read(files).warnings
    assert warning == (
        f"tls.key: {files.key} can be read by everybody on this machine; "
        f"chmod o= {files.key}"
    )


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        pytest.param(-1, "certificate has expired", id="expired"),
        pytest.param(100, "certificate is not yet valid", id="not yet"),
    ],
)
def test_a_warning_for_a_certificate_out_of_its_time(
    tmp_path: Path, authority: Authority, files: TLS, days: int, reason: str
) -> None:
    authority.write(tmp_path, days=days)
    (warning,) = certificate.read(files).warnings
    path = tmp_path / "chain.pem"
    assert warning == f"tls.certificate: {path}: {reason}; clients will refuse it"


def encrypt(key: bytes) -> bytes:
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def encrypt_as_before(key: bytes) -> bytes:
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"secret"),
    )


def convert_key(key: bytes) -> bytes:
    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def convert(pem: bytes) -> bytes:
    loaded = x509.load_pem_x509_certificate(pem)
    return loaded.public_bytes(serialization.Encoding.DER)


PASSPHRASE = (
    "tls.key: FOLDER/key.pem has a passphrase, which nobody could enter; "
    "openssl pkey -in FOLDER/key.pem -out plain.pem"
)
NO_KEY = "tls.key: FOLDER/key.pem holds no key; "
NO_CERTIFICATE = "tls.certificate: FOLDER/chain.pem holds no certificate; "
CONVERT = "convert it to PEM: openssl {} -inform DER -in FILE -out PEM"
PROBLEMS = [
    pytest.param("key.pem", encrypt, PASSPHRASE, id="passphrase"),
    pytest.param("key.pem", encrypt_as_before, PASSPHRASE, id="older passphrase"),
    pytest.param(
        "key.pem",
        lambda _: b"hello",
        NO_KEY + 'PEM begins with "-----BEGIN"',
        id="no key",
    ),
    pytest.param(
        "key.pem", convert_key, NO_KEY + CONVERT.format("pkey"), id="key in DER"
    ),
    pytest.param(
        "chain.pem", convert, NO_CERTIFICATE + CONVERT.format("x509"), id="DER"
    ),
    pytest.param(
        "chain.pem",
        encrypt,
        NO_CERTIFICATE + "it is a key: exchange the two",
        id="exchanged",
    ),
    pytest.param(
        "chain.pem",
        lambda _: b"",
        NO_CERTIFICATE + 'PEM begins with "-----BEGIN"',
        id="empty",
    ),
]


@pytest.mark.parametrize(("name", "change", "problem"), PROBLEMS)
def test_a_file_that_is_wrong_is_told(
    tmp_path: Path,
    files: TLS,
    name: str,
    change: Callable[[bytes], bytes],
    problem: str,
) -> None:
    path = tmp_path / name
    source = files.key if change is encrypt else path
    path.write_bytes(change(source.read_bytes()))
    assert complain(files) == problem


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
def test_a_key_of_another_certificate_is_told(
    authority: Authority, files: TLS, kind: str
) -> None:
    other = authority.ca.issue_cert("x", key_type=trustme.KeyType[kind])
    files.key.write_bytes(other.private_key_pem.bytes())
    assert complain(files) == (
        "tls.key: FOLDER/key.pem does not belong to the first certificate of "
        "FOLDER/chain.pem"
    )


def test_a_key_that_is_too_short_is_told(files: TLS) -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "one.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
    pem = serialization.Encoding.PEM
    files.certificate.write_bytes(builder.sign(key, SHA256()).public_bytes(pem))
    none = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(pem, kind, none))
    assert complain(files) == (
        "tls.key: FOLDER/key.pem is too short; make one of 2048 bits, and a new "
        "FOLDER/chain.pem"
    )


def test_a_file_that_went_meanwhile_is_told(files: TLS) -> None:
    files.key.unlink()
    assert complain(files) == "tls.key: FOLDER/key.pem: No such file or directory"


def test_a_damaged_file_is_told(files: TLS) -> None:
    lines = files.certificate.read_text().split("\n")
    files.certificate.write_text("\n".join([lines[0], "QUJD", *lines[3:]]))
    problem = complain(files)
    assert problem.startswith("tls: FOLDER/chain.pem and FOLDER/key.pem cannot be used")


def test_a_system_without_nameless_files_is_told(
    files: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    assert "memfd_create is missing" in complain(files)


def test_the_command_checks_the_certificate(tmp_path: Path, files: TLS) -> None:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "config.yaml").write_text(
        "listen: ['https://127.0.0.1:0']\n"
        "tls: {certificate: chain.pem, key: key.pem}\nsites: [{scripts: []}]\n"
    )
    command = [sys.executable, "-m", "httpout_cgi", "check", "--config"]
    files.key.chmod(0o644)
    done = subprocess.run(
        [*command, str(tmp_path / "config.yaml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "can be read by everybody" in done.stderr
    assert done.returncode == 0
