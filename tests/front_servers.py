"""The real nginx and Apache in front of a pool, for tests."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.live import PATIENCE, Lines
from tests.live_site import Client

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
APACHE = shutil.which("apache2", path="/usr/sbin:/usr/bin:/sbin:/bin")

# As in the README.
_NGINX = """\
daemon off;
master_process off;
pid {own}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {own}/body;
    proxy_temp_path {own}/proxy;
    fastcgi_temp_path {own}/fastcgi;
    uwsgi_temp_path {own}/uwsgi;
    scgi_temp_path {own}/scgi;
    server {{
        listen unix:{own}/http.sock;
        root {folder};
        client_max_body_size 64m;
        location /cgi-bin/ {{
            include /etc/nginx/scgi_params;
            scgi_param SCRIPT_NAME $uri;
            scgi_param SCRIPT_FILENAME $document_root$uri;
            scgi_pass unix:{folder}/site.sock;
        }}
    }}
}}
"""
# Its children are never root; what they ask is for the group of the workers.
_APACHE = """\
ServerRoot {own}
ServerName localhost
PidFile {own}/apache.pid
DefaultRuntimeDir {own}
ErrorLog /dev/stderr
LogLevel notice
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_scgi_module /usr/lib/apache2/modules/mod_proxy_scgi.so
StartServers 1
User nobody
Group #{group}
ProxyPass /cgi-bin/ unix:{folder}/site.sock|scgi://localhost{folder}/cgi-bin/
"""


class Front:
    """A server in front, which passes /cgi-bin/ on."""

    def __init__(
        self, name: str, address: tuple[str, int] | str, stderr: Lines
    ) -> None:
        self.name = name
        self.address = address
        self.stderr = stderr

    def open(self) -> Client:
        """Open a connection, which the caller closes."""
        return Client(self.address)


@contextmanager
def start_nginx(folder: Path) -> Iterator[Front]:
    """Start it for the site in the folder."""
    with run_nginx(folder, _NGINX) as (address, stderr):
        yield Front("nginx", address, stderr)


@contextmanager
def start_apache(folder: Path) -> Iterator[Front]:
    """Start it for the site in the folder."""
    with run_apache(folder, _APACHE, group=os.getegid()) as (address, stderr):
        yield Front("Apache", address, stderr)


@contextmanager
def run_nginx(folder: Path, template: str) -> Iterator[tuple[str, Lines]]:
    """Run it with these settings; yield the path of its socket, and its log."""
    assert NGINX
    own = folder / "nginx"
    own.mkdir()
    (own / "nginx.conf").write_text(template.format(own=own, folder=folder))
    command = [NGINX, "-c", str(own / "nginx.conf"), "-e", "stderr"]
    with _run_server(command, {}) as stderr:
        stderr.wait_for("using the .* event method")
        yield str(own / "http.sock"), stderr


@contextmanager
def run_apache(
    folder: Path, template: str, **values: object
) -> Iterator[tuple[tuple[str, int], Lines]]:
    """Run it with these settings; yield its address, and its log."""
    assert APACHE
    own = folder / "apache"
    own.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = template.format(own=own, folder=folder, port=port, **values)
    (own / "apache.conf").write_text(text)
    command = [APACHE, "-f", str(own / "apache.conf"), "-DFOREGROUND"]
    with _run_server(command, {"LC_ALL": "C"}) as stderr:
        stderr.wait_for("resuming normal operations")
        yield ("127.0.0.1", port), stderr


@contextmanager
def _run_server(command: list[str], environment: Mapping[str, str]) -> Iterator[Lines]:
    """Run a server that stays in the foreground; ends it."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )
    assert process.stderr
    lines = Lines(process.stderr)
    try:
        yield lines
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            lines.close()
