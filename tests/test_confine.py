"""What a worker gives up, and what it says if Linux does not let it."""

import ctypes
import errno
import os
from collections.abc import Callable

import pytest

from httpout_cgi.errors import StartError
from httpout_cgi.processes.confinement import confine

ACCOUNT = 1000


class FakeLibrary:
    """A C library that remembers what it is asked; ``refused`` is what fails."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.calls: list[tuple[str, int]] = []

    def prctl(self, option: int, value: int, *rest: int) -> int:
        return self._answer("prctl", option)

    def capset(self, header: object, sets: object) -> int:
        return self._answer("capset", 0)

    def _answer(self, name: str, option: int) -> int:
        self.calls.append((name, option))
        if name != self.refused:
            return 0
        ctypes.set_errno(errno.EPERM)
        return -1


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, int], None]:
    def replace(library: object, account: int) -> None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: library)
        monkeypatch.setattr(os, "geteuid", lambda: account)

    return replace


PRIVILEGES, MEMORY, CAPABILITIES = ("prctl", 38), ("prctl", 4), ("capset", 0)


@pytest.mark.parametrize(
    ("account", "no_new_privileges", "is_closed", "expected"),
    [
        pytest.param(ACCOUNT, False, False, [CAPABILITIES], id="account"),
        pytest.param(ACCOUNT, True, False, [CAPABILITIES, PRIVILEGES], id="for good"),
        pytest.param(ACCOUNT, False, True, [CAPABILITIES, MEMORY], id="closed"),
        # It would be root no more, and could not serve as one.
        pytest.param(0, True, False, [PRIVILEGES], id="root"),
    ],
)
def test_it_gives_up_what_it_is_told(
    use: Callable[[object, int], None],
    account: int,
    no_new_privileges: bool,
    is_closed: bool,
    expected: list[tuple[str, int]],
) -> None:
    library = FakeLibrary()
    use(library, account)
    confine(no_new_privileges=no_new_privileges, is_closed=is_closed)
    assert library.calls == expected


def test_where_linux_refuses_it_does_not_start(
    use: Callable[[object, int], None],
) -> None:
    use(FakeLibrary("capset"), ACCOUNT)
    with pytest.raises(StartError, match="capset: Operation not permitted"):
        confine(no_new_privileges=False, is_closed=False)


def test_other_systems_have_nothing_to_give_up(
    use: Callable[[object, int], None],
) -> None:
    use(object(), ACCOUNT)
    confine(no_new_privileges=True, is_closed=True)
