"""What Flask does at its start: where am I, and where are my templates?"""

import importlib.util
import os
import pkgutil
import sys
from wsgiref.handlers import CGIHandler


def get_root_path(import_name):
    mod = sys.modules.get(import_name)
    if mod is not None and hasattr(mod, "__file__") and mod.__file__ is not None:
        return os.path.dirname(os.path.abspath(mod.__file__))
    raise RuntimeError(import_name)


class Flask:
    def __init__(self, import_name):
        self.import_name = import_name
        self.root_path = get_root_path(import_name)
        if import_name == "__main__":
            file = getattr(sys.modules["__main__"], "__file__", None)
            self.name = os.path.splitext(os.path.basename(file))[0]
        self.routes = {}
        try:
            self.spec = importlib.util.find_spec(import_name)
        except ValueError as exc:
            self.spec = str(exc)

    def route(self, rule):
        def decorate(function):
            self.routes[rule] = function
            return function

        return decorate

    def __call__(self, environ, start_response):
        view = self.routes.get(environ.get("PATH_INFO") or "/")
        if view is None:
            start_response("404 NOT FOUND", [("Content-Type", "text/plain")])
            return [b"not found"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [view().encode()]


app = Flask(__name__)


@app.route("/")
def index():
    return "%s\n%s\n%s\n" % (app.name, app.root_path, app.spec)


@app.route("/template")
def template():
    return open(os.path.join(app.root_path, "H02_templates", "page.txt")).read()


@app.route("/loader")
def loader():
    return "%s %s" % (__loader__.name, __loader__.get_filename())


CGIHandler().run(app)
