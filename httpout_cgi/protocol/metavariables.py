"""Meta-variables: what the gateway tells a script (RFC 3875 section 4.1).

Pure: takes values, returns a dict.  Must not read os.environ or the clock.

Never set: REMOTE_IDENT (no field of a request proves who sent it; AUTH_TYPE and
REMOTE_USER are of whom we have authenticated), REMOTE_HOST (it would take a DNS query).
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, ReceivedFields, Request
from httpout_cgi.scripts import Mount, Script

_DEFAULT_PORTS = {"http": "80", "https": "443"}
# These have a variable without HTTP_, or must not reach a script at all.
_WITHHELD = frozenset(
    {
        "content-length",
        "content-type",
        # Other users of the machine can read a process' environment; and a script
        # must not be mistaken for one that checked them (RFC 3875 section 9.2).
        "authorization",
        "proxy-authorization",
        # HTTP_PROXY would redirect the script's own requests (httpoxy,
        # CVE-2016-1000110).
        "proxy",
        # The coding was removed (section 4.2): a script must not decode again.
        "transfer-encoding",
    }
)
_match_host = re.compile(r"([a-z0-9_~-]+(?:\.[a-z0-9_~-]+)*)\.?(?::([0-9]{0,5}))?")
_match_literal = re.compile(r"\[([0-9a-f:.]+)\](?::([0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Server:
    """What scripts are told about the server; the same for all requests to one host.

    ``name`` is what ``server_name`` returned.  ``path`` becomes PATH.
    """

    name: str
    software: str
    admin: str = ""
    path: str = "/usr/local/bin:/usr/bin:/bin"


def build_metavariables(
    request: Request,
    script: Script,
    server: Server,
    run_id: str,
    redirect: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Build the environment of one run.

    The request's endpoints are taken for true: see forwarded.resolve_request.
    ``redirect`` is what ``redirect_variables`` returned, after a local redirect.
    Raises HTTPError 400 if the request contradicts itself.
    """
    environment = _describe_server(request.endpoints, server)
    environment |= _describe_script(script)
    environment |= _describe_request(request, run_id)
    path = script.name + script.extra_path
    environment["SCRIPT_URL"] = path
    environment["SCRIPT_URI"] = _build_origin(environment) + path
    _add_fields(environment, request, script.mount)
    if redirect:
        environment |= redirect
    if script.mount.environment:
        environment |= script.mount.environment
    return environment


def redirect_variables(
    request: Request,
    path: str,
    status: int = 200,
    earlier: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return what a script learns about the request that led to it.

    That is a local redirect, or an error page of the site with its ``status``.
    ``request`` was for ``path``, decoded; ``earlier`` is what this returned for the
    redirect before.  REQUEST_URI stays what the client asked for, as in Apache.
    """
    variables = {
        "REDIRECT_STATUS": str(status),
        "REDIRECT_URL": path,
        "REQUEST_URI": earlier["REQUEST_URI"] if earlier else _decode(request.target),
    }
    _, mark, query = request.target.partition("?")
    if mark:
        variables["REDIRECT_QUERY_STRING"] = _decode(query)
    return variables


def user_variables(user: str) -> dict[str, str]:
    """Return what a script learns about whom we have authenticated (section 4.1.1)."""
    return {"AUTH_TYPE": "Basic", "REMOTE_USER": user}


@lru_cache(maxsize=1024)
def server_name(host: str | None, fallback: str) -> str:
    """Return the host of a Host field, lower-case and without its port.

    IPv6 addresses keep their brackets.  Without a field (HTTP/1.0) it is ``fallback``.
    Raises HTTPError 400 if the field is none: what scripts get to build URLs from must
    not be able to hold markup, paths or other hosts.
    """
    if not host:
        return fallback
    host = host.lower() if host.isascii() else "/"
    match = _match_host.fullmatch(host) or _match_literal.fullmatch(host)
    if match is None or len(match[1]) > 255 or int(match[2] or 0) > 65535:
        raise HTTPError(HTTPStatus.BAD_REQUEST, "malformed Host")
    if not host.startswith("["):
        return match[1]
    try:
        return f"[{IPv6Address(match[1])}]"
    except ValueError as exc:
        raise HTTPError(HTTPStatus.BAD_REQUEST, "malformed Host") from exc


def _describe_server(endpoints: Endpoints, server: Server) -> dict[str, str]:
    environment = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": server.software,
        "SERVER_SIGNATURE": "",
        "SERVER_ADMIN": server.admin,
        "SERVER_NAME": server.name,
        "SERVER_ADDR": endpoints.local_address or "127.0.0.1",
        "SERVER_PORT": (
            str(endpoints.local_port)
            if endpoints.local_port
            else _DEFAULT_PORTS[endpoints.scheme]
        ),
        # Over a Unix socket, the client is on this machine.
        "REMOTE_ADDR": endpoints.peer_address or "127.0.0.1",
        "REMOTE_PORT": str(endpoints.peer_port),
        "REQUEST_SCHEME": endpoints.scheme,
        "PATH": server.path,
    }
    if endpoints.scheme == "https":
        environment["HTTPS"] = "on"
        environment |= endpoints.tls
    return environment


def _describe_script(script: Script) -> dict[str, str]:
    mount = script.mount
    environment = {
        "DOCUMENT_ROOT": script.document_root,
        "CONTEXT_PREFIX": mount.url,
        "CONTEXT_DOCUMENT_ROOT": mount.path + ("/" if mount.url.endswith("/") else ""),
        "SCRIPT_FILENAME": script.path,
        "SCRIPT_NAME": script.name,
        # php-cgi does not run without it.
        "REDIRECT_STATUS": "200",
    }
    if script.extra_path:
        environment["PATH_INFO"] = script.extra_path
        if script.path_translated is not None:
            environment["PATH_TRANSLATED"] = script.path_translated
    elif script.mount.output == "page":
        # Pages look it up without asking: httpout has it always.
        environment["PATH_INFO"] = ""
    return environment


def _describe_request(request: Request, run_id: str) -> dict[str, str]:
    target = request.target
    if not target.isascii():
        target = _decode(target)
    environment = {
        "SERVER_PROTOCOL": request.version,
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": target,
        "QUERY_STRING": target.partition("?")[2],
        "UNIQUE_ID": run_id,
    }
    if request.content_length is not None:
        environment["CONTENT_LENGTH"] = str(request.content_length)
    return environment


def _build_origin(environment: Mapping[str, str]) -> str:
    scheme, port = environment["REQUEST_SCHEME"], environment["SERVER_PORT"]
    origin = f"{scheme}://{environment['SERVER_NAME']}"
    return origin if port == _DEFAULT_PORTS[scheme] else f"{origin}:{port}"


def _add_fields(environment: dict[str, str], request: Request, mount: Mount) -> None:
    """Add HTTP_* and CONTENT_TYPE (RFC 3875 sections 4.1.18 and 4.1.3)."""
    fields = request.fields
    environment |= _recall_fields(fields)
    types = fields.get("content-type")
    if types:
        if len(set(types)) > 1:
            raise HTTPError(HTTPStatus.BAD_REQUEST, "conflicting Content-Type fields")
        environment["CONTENT_TYPE"] = _decode(types[0])
    if mount.pass_authorization and "authorization" in fields:
        environment["HTTP_AUTHORIZATION"] = _decode(", ".join(fields["authorization"]))


def _recall_fields(fields: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    if not isinstance(fields, ReceivedFields):
        return _name_fields(fields)
    if fields.variables is None:
        fields.variables = _name_fields(fields)
    return fields.variables


def _name_fields(fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the variables of fields whatever script they are for."""
    variables = {}
    for name, values in fields.items():
        variable = _name_variable(name)
        if variable:
            value = values[0]
            if len(values) > 1:
                value = ("; " if name == "cookie" else ", ").join(values)
            variables[variable] = value if value.isascii() else _decode(value)
    return variables


# The bound is against clients that make up names; what is used stays in the cache.
@lru_cache(maxsize=1024)
def _name_variable(field: str) -> str:
    """Return the variable for a field name in lower case, "" if it gets none.

    Only letters, digits and dashes, as in Apache: with an underscore, "x_user" would
    overwrite what a proxy said in "x-user" (RFC 9110 section 17.10).
    """
    plain = field.replace("-", "")
    if field in _WITHHELD or not (plain.isascii() and plain.isalnum()):
        return ""
    return "HTTP_" + field.upper().replace("-", "_")


def _decode(value: str) -> str:
    """Turn the bytes of the wire into text as Python does with its environment."""
    return value if value.isascii() else os.fsdecode(value.encode("latin-1"))
