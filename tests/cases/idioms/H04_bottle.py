"""What bottle.run(server="cgi") does."""

import os
import sys
import threading
from wsgiref.handlers import CGIHandler

_stdout, _stderr = sys.stdout.write, sys.stderr.write


class ServerAdapter:
    quiet = False

    def __init__(self, host="127.0.0.1", port=8080, **options):
        self.options = options


class CGIServer(ServerAdapter):
    quiet = True

    def run(self, handler):
        def fixed_environ(environ, start_response):
            environ.setdefault("PATH_INFO", "")
            return handler(environ, start_response)

        CGIHandler().run(fixed_environ)


class LocalRequest(threading.local):
    environ = None


request = LocalRequest()


class Bottle:
    def __init__(self):
        self.routes = []

    def route(self, path):
        def decorate(callback):
            self.routes.append((path, callback))
            return callback

        return decorate

    def wsgi(self, environ, start_response):
        request.environ = environ
        for path, callback in self.routes:
            if path == "/" + environ["PATH_INFO"].lstrip("/"):
                start_response("200 OK", [("Content-Type", "text/plain; charset=UTF-8")])
                return [callback().encode("utf8")]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Not found: " + environ["PATH_INFO"].encode("latin-1")]

    __call__ = wsgi


def run(app, server):
    adapter = {"cgi": CGIServer}[server]()
    if not adapter.quiet:
        _stderr("Bottle server starting up\n")
    adapter.run(app)


app = Bottle()


@app.route("/")
def index():
    return "hello from %s" % request.environ["SCRIPT_NAME"]


@app.route("/name")
def name():
    return "h\xe9 %s" % request.environ["QUERY_STRING"]


run(app, server="cgi")
