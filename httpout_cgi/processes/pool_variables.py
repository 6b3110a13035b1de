"""The environment of a run that another server asks for: what that server may set.

Whoever may write to the socket may send any variable.  Standard library only.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Mapping

# RFC 3875 section 4.1, and what servers add.  Nothing else: LD_PRELOAD, PYTHONPATH
# or BASH_ENV would run what the sender wants, and IFS or TMPDIR change what runs.
_NAMES = frozenset(
    (
        *("AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE"),
        *("PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_HOST"),
        *("REMOTE_IDENT", "REMOTE_USER", "REQUEST_METHOD", "SCRIPT_NAME"),
        *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE"),
        *("CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "DOCUMENT_ROOT", "DOCUMENT_URI"),
        *("HTTPS", "REMOTE_PORT", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_URI"),
        *("SCRIPT_URL", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_SIGNATURE"),
        "UNIQUE_ID",
    )
)
# Fields of the request, what mod_ssl tells, and what came before a redirect.  But
# SSL_CERT_FILE and SSL_CERT_DIR tell OpenSSL whom to trust.
_is_prefixed = re.compile(r"(?:HTTP|SSL(?!_CERT_)|REDIRECT)_[A-Z0-9_]+").fullmatch

# HTTP_PROXY would redirect the script's own requests (httpoxy, CVE-2016-1000110).
# The others are as in protocol/metavariables.py.
_WITHHELD = frozenset(
    (
        *("HTTP_PROXY", "HTTP_PROXY_AUTHORIZATION", "HTTP_TRANSFER_ENCODING"),
        *("HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"),
    )
)

# nginx sends them empty; for a script there is a difference.
_NEVER_EMPTY = frozenset(
    (
        *("AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS", "PATH_INFO"),
        *("PATH_TRANSLATED", "REMOTE_HOST", "REMOTE_IDENT", "REMOTE_USER"),
    )
)

# What a script may rely on, and nginx does not send.
_DEFAULTS = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "QUERY_STRING": "",
    "REDIRECT_STATUS": "200",
    "SERVER_SOFTWARE": "httpout-cgi",
}

# That of the pool, which nothing changes.
_PATH = os.environ.get("PATH", os.defpath)


def clean(
    variables: Mapping[str, str], *, passes_authorization: bool
) -> dict[str, str]:
    """Return what a run may have of the variables that came from outside."""
    environment = {
        name: text
        for name, text in variables.items()
        if is_variable(name) and (text or name not in _NEVER_EMPTY)
    }
    if not passes_authorization:
        environment.pop("HTTP_AUTHORIZATION", None)
    # Ours: an Apache would send its own, and anybody anything.
    environment["PATH"] = _PATH
    return {**_DEFAULTS, **environment}


def split_name(environment: dict[str, str], extra: str) -> None:
    """Note the extra path that was found behind the script's own (RFC 3875 4.1.5).

    Who sends it as a part of SCRIPT_FILENAME, as Apache does, has it in SCRIPT_NAME.
    """
    if not extra:
        return
    name = environment.get("SCRIPT_NAME", "")
    if name.endswith(extra):
        environment["SCRIPT_NAME"] = name[: -len(extra)]
    environment["PATH_INFO"] = extra


@lru_cache(2048)  # the same ones again and again
def is_variable(name: str) -> bool:
    """Tell whether somebody else may set it."""
    if name in _WITHHELD:
        return False
    return name in _NAMES or _is_prefixed(name) is not None
