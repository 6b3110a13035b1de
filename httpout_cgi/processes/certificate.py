"""The certificate of the server and its key: read, checked, and put to use.

The supervisor reads the files, because their owner is root, and hands what they hold
to the workers; a key must never reach a disk again.  Must not know connections.
"""

import contextlib
import os
import re
import ssl
import stat
from pathlib import Path
from typing import NamedTuple

from httpout_cgi.config import TLS
from httpout_cgi.errors import ConfigError

_BLOCK = r"-----BEGIN (%s)-----[\t-~\r\n]*?-----END \1-----"
_CERTIFICATES = re.compile(_BLOCK % "(?:X509 |TRUSTED )?CERTIFICATE")
_KEY = re.compile(_BLOCK % "[A-Z ]*PRIVATE KEY")
# Forward secrecy and authenticated encryption; those of TLS 1.3 are all of that kind.
_CIPHERS = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
_REASONS = {
    "KEY_VALUES_MISMATCH": "does not belong to the first certificate of",
    "NO_CERTIFICATE_ASSIGNED": "does not belong to the first certificate of",
    "EE_KEY_TOO_SMALL": "is too short; make one of 2048 bits, and a new",
}


class Certificate(NamedTuple):
    """``pem`` has the certificate, those above it, and its key.

    ``warnings`` are what clients, or a careful administrator, would not like.
    """

    pem: str
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return "<certificate and key>"


def read(files: TLS) -> Certificate:
    """Read and check the files of the settings; raises ConfigError."""
    if not hasattr(os, "memfd_create"):
        # A key would have to lie on a disk on its way to a worker.
        text = "not on this system (memfd_create is missing); use a front server"
        raise ConfigError([f"tls: {text}"])
    certificates, _ = _read_file("certificate", files.certificate)
    key, mode = _read_file("key", files.key)
    pem = _find_certificates(certificates, files.certificate) + _find_key(key, files)
    try:
        problem = _find_problem(make_context(pem), pem)
    except ssl.SSLError as exc:
        raise ConfigError([_explain(exc, files)]) from exc
    warnings = []
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        text = f"can be read by everybody on this machine; chmod o= {files.key}"
        warnings.append(f"tls.key: {files.key} {text}")
    if problem:
        text = f"{problem}; clients will refuse it"
        warnings.append(f"tls.certificate: {files.certificate}: {text}")
    return Certificate(pem, tuple(warnings))


def make_context(pem: str) -> ssl.SSLContext:
    """Return what a listener serves with.  Raises ssl.SSLError."""
    # Its defaults: no compression (CRIME, CVE-2012-4929), the server's choice of
    # ciphers, a new key for each connection.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client could make us do the dear part again and again (CVE-2011-1473).
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_CIPHERS)
    # Says what is spoken here, so that nobody sends our clients to a mail server with
    # the same certificate (ALPACA, RFC 9325 section 3.7).
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL reads files alone; this one is memory that has no name.
    with open(os.memfd_create("certificate"), "w+b") as file:
        file.write(pem.encode("ascii"))
        file.flush()
        path = f"/proc/self/fd/{file.fileno()}"
        # Without this, OpenSSL would ask the terminal for a passphrase.
        context.load_cert_chain(path, password=lambda: b"")
    return context


def _explain(exc: ssl.SSLError, files: TLS) -> str:
    reason = _REASONS.get(exc.reason or "")
    if reason:
        return f"tls.key: {files.key} {reason} {files.certificate}"
    return f"tls: {files.certificate} and {files.key} cannot be used: {exc}"


def _read_file(key: str, path: Path) -> tuple[str, int]:
    """Return a file's text and its mode."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            return file.read().decode("latin-1"), mode
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise ConfigError([f"tls.{key}: {path}: {reason}"]) from exc


def _find_certificates(text: str, path: Path) -> str:
    found = [match[0] for match in _CERTIFICATES.finditer(text)]
    if found:
        return "\n".join(found) + "\n"
    is_key = _KEY.search(text) is not None
    hint = "it is a key: exchange the two" if is_key else _explain_format(text, "x509")
    raise ConfigError([f"tls.certificate: {path} holds no certificate; {hint}"])


def _find_key(text: str, files: TLS) -> str:
    found = _KEY.search(text)
    if found is None:
        raise ConfigError(
            [f"tls.key: {files.key} holds no key; {_explain_format(text, 'pkey')}"]
        )
    if "ENCRYPTED" in found[0]:
        command = f"openssl pkey -in {files.key} -out plain.pem"
        text = f"has a passphrase, which nobody could enter; {command}"
        raise ConfigError([f"tls.key: {files.key} {text}"])
    return found[0] + "\n"


def _explain_format(text: str, command: str) -> str:
    if "\0" in text:
        return f"convert it to PEM: openssl {command} -inform DER -in FILE -out PEM"
    return 'PEM begins with "-----BEGIN"'


def _find_problem(context: ssl.SSLContext, pem: str) -> str:
    """Return why a client that trusts the certificate would refuse it, or "".

    It tries: a handshake in memory.  Such a client still looks at the dates.
    """
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    first = _CERTIFICATES.search(pem)
    assert first
    client_context.load_verify_locations(cadata=first[0])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up)
    server = context.wrap_bio(up, down, server_side=True)
    try:
        for side in (client, server, client):
            _shake(side)
    except ssl.SSLCertVerificationError as exc:
        return exc.verify_message
    return ""


def _shake(side: ssl.SSLObject) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):  # it is the other side's turn
        side.do_handshake()
