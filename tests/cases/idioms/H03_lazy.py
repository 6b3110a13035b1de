"""What Django does with its settings module."""

import importlib
import os
from wsgiref.handlers import CGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "H03_settings")


class LazySettings:
    _wrapped = None

    def __getattr__(self, name):
        if self._wrapped is None:
            self._wrapped = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
        return getattr(self._wrapped, name)


settings = LazySettings()


def get_wsgi_application():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [settings.SECRET.encode(), b" ", environ["DJANGO_SETTINGS_MODULE"].encode()]

    return application


CGIHandler().run(get_wsgi_application())
