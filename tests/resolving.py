"""What a path leads to, for tests that resolve some."""

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.scripts import Script


def find_script(resolver: Resolver, path: str) -> Script:
    found = resolver.resolve(path)
    assert isinstance(found, Script)
    return found


def find_status(resolver: Resolver, path: str) -> int:
    with pytest.raises(HTTPError) as refusal:
        resolver.resolve(path)
    return refusal.value.status
