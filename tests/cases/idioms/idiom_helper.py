"""A helper that binds names at import, as most do."""
from os import environ, getenv

AT_IMPORT = environ.get("HTTP_X_USER")


def who(variables=environ):
    return variables["HTTP_X_USER"] + getenv("HTTP_X_USER")
