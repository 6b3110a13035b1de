"""An application for a server of WSGI, in a file of its own."""

from urllib.parse import parse_qs


def app(environ, start_response):
    path = environ.get("PATH_INFO")
    if path == "/error":
        raise ValueError("of the application")
    if path == "/late-error":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return late()
    if path == "/write":
        write = start_response("201 Created", [("Content-Type", "text/plain")])
        write(b"written\n")
        return [b"returned\n"]
    if path == "/nothing":
        start_response("204 No Content", [])
        return []
    if path == "/file":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"), 64)
    if path == "/exc-info":
        import sys

        try:
            1 / 0
        except ZeroDivisionError:
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
            return [b"told"]
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE")
    lines = ["%s=%s" % (name, environ.get(name)) for name in names]
    wsgi = ("version", "multithread", "multiprocess", "run_once", "url_scheme")
    lines += ["%s=%s" % (name, environ["wsgi." + name]) for name in wsgi]
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    lines += [repr(body[:40]), repr(len(body)), repr(sorted(parse_qs(environ["QUERY_STRING"]).items()))]
    environ["wsgi.errors"].write("told by the application\n")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "h\u00e9")])
    return Body(lines)


def late():
    yield b"first\n"
    raise ValueError("later")


class Body:
    def __init__(self, lines):
        self.lines = lines

    def __iter__(self):
        for line in self.lines:
            yield line.encode() + b"\n"

    def close(self):
        import sys

        print("closed", file=sys.stderr)
