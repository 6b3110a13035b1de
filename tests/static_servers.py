"""A docroot, and the real nginx and Apache that serve it, as oracles for ours."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.front_servers import run_apache, run_nginx

OLD = 1_600_000_000

FILES = {
    "index.html": b"<p>index</p>\n",
    "a.txt": b"0123456789",
    "empty.txt": b"",
    "large.bin": bytes(range(250)) * 1200,
    "a b.txt": b"blank",
    "\u00e4.txt": b"umlaut",
    "noext": b"noext",
    "sub/index.html": b"sub",
    "sub/deep/x.txt": b"deep",
    "bare/x.txt": b"x",
    ".hidden": b"hidden",
    "packed.html": b"<p>packed</p>\n" * 100,
    "packed.html.gz": gzip.compress(b"<p>packed</p>\n" * 100, mtime=0),
    **dict.fromkeys(
        ("style.css", "page.html", "data.json", "image.png", "script.js", "movie.mp4"),
        b"content\n",
    ),
    **dict.fromkeys(
        ("font.woff2", "x.unknown", "photo.svg", "feed.xml", "archive.zip"), b"data\n"
    ),
    "archive.tar.gz": gzip.compress(b"archive", mtime=0),
}

_NGINX = """\
daemon off;
master_process off;
pid {own}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log off;
    absolute_redirect off;
    client_body_temp_path {own}/body;
    proxy_temp_path {own}/proxy;
    fastcgi_temp_path {own}/fastcgi;
    uwsgi_temp_path {own}/uwsgi;
    scgi_temp_path {own}/scgi;
    server {{
        listen unix:{own}/http.sock;
        root {folder}/htdocs;
        gzip_static on;
        gzip_vary on;
        location ~ /\\. {{ deny all; }}
    }}
}}
"""
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
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule autoindex_module /usr/lib/apache2/modules/mod_autoindex.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
TypesConfig /etc/mime.types
StartServers 1
{limits}User nobody
Group nogroup
DocumentRoot {folder}/htdocs
<Directory {folder}/htdocs>
    Options SymLinksIfOwnerMatch
    Require all granted
</Directory>
<FilesMatch "^\\.">
    Require all denied
</FilesMatch>
"""


def make_docroot(folder: Path) -> None:
    """Make folder/htdocs, with files that are old enough for strong dates."""
    for name, content in FILES.items():
        path = folder / "htdocs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (OLD, OLD))
    (folder / "htdocs/link.txt").symlink_to("a.txt")


@contextmanager
def start_nginx(folder: Path) -> Iterator[str]:
    """Serve folder/htdocs; yield the path of a socket."""
    with run_nginx(folder, _NGINX) as (address, _):
        yield address


@contextmanager
def start_apache(folder: Path, limits: str = "") -> Iterator[tuple[str, int]]:
    """Serve folder/htdocs; yield an address.  ``limits`` are more directives."""
    with run_apache(folder, _APACHE, limits=limits) as (address, _):
        yield address
