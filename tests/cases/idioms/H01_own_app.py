"""The application is in the script, with middleware of the standard library around."""

from wsgiref.handlers import CGIHandler
from wsgiref.validate import validator


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [("path %s\n" % environ["PATH_INFO"]).encode("latin-1")] * 3


if __name__ == "__main__":
    CGIHandler().run(validator(app))
