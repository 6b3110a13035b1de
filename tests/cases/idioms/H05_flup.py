"""How flup's WSGIServer finds out whether it is FastCGI or CGI."""

import errno
import os
import socket
import sys

FCGI_LISTENSOCK_FILENO = 0


def is_fastcgi():
    sock = None
    try:
        sock = socket.fromfd(FCGI_LISTENSOCK_FILENO, socket.AF_INET, socket.SOCK_STREAM)
        sock.getpeername()
    except socket.error as e:
        if e.args[0] == errno.ENOTSOCK:
            return False
        if e.args[0] != errno.ENOTCONN:
            raise
    finally:
        if sock is not None:
            sock.close()
    return not ("REQUEST_METHOD" in os.environ)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["method ", environ["REQUEST_METHOD"], "\n", environ["wsgi.input"].read().decode()]


def run(app):
    environ = dict(os.environ.items())
    environ["wsgi.input"] = sys.stdin
    environ["wsgi.input"] = getattr(sys.stdin, "buffer", sys.stdin)
    headers = []

    def start_response(status, fields):
        headers[:] = [status, fields]

    parts = app(environ, start_response)
    sys.stdout.write("Status: %s\r\n" % headers[0])
    for field in headers[1]:
        sys.stdout.write("%s: %s\r\n" % field)
    sys.stdout.write("\r\n")
    for part in parts:
        sys.stdout.write(part)
        sys.stdout.flush()


assert not is_fastcgi()
run(app)
