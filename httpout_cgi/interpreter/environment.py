"""os.environ in all its spellings: exactly the variables of the current run.

The objects stay the same, for modules hold on to them (``from os import environ``);
only their class changes.  Outside of a run they behave as before.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    MutableMapping,
    Optional,
    Tuple,
    Union,
)

from httpout_cgi.interpreter.guarded_modules import GuardedModule
from httpout_cgi.interpreter.in_runs import replace_in_run
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    replace,
    undoing,
)

try:
    import posix
except ImportError:  # pragma: no cover - Windows
    posix = None  # type: ignore[assignment]

_Environ = type(os.environ)
_find = current.get
_Text = Union[str, bytes, "os.PathLike[Any]"]


# Any: os._Environ is generic over str and bytes, and these serve both.
class _RunEnvironment(_Environ):  # type: ignore[misc, valid-type]
    """os.environ; a run's variables are kept as text."""

    def __getitem__(self, key: Any) -> Any:
        run = _find()
        if run is None:
            return _Environ.__getitem__(self, key)
        try:
            return run.environment[key]
        except KeyError:
            self.encodekey(key)  # raises TypeError for what is no text
            raise KeyError(key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        run = _find()
        if run is None:
            _Environ.__setitem__(self, key, value)
        else:
            _check(self.encodekey(key), self.encodevalue(value))
            run.environment[key] = value

    def __delitem__(self, key: Any) -> None:
        run = _find()
        if run is None:
            _Environ.__delitem__(self, key)
        elif run.environment.pop(key, None) is None:
            _check_unset(self.encodekey(key))
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        run = _find()
        if run is None:
            return bool(_Environ.__contains__(self, key))
        if not isinstance(key, str):
            self.encodekey(key)
        return key in run.environment

    def __iter__(self) -> Iterator[Any]:
        run = _find()
        if run is None:
            return iter(_Environ.__iter__(self))
        return iter(list(run.environment))

    def __len__(self) -> int:
        run = _find()
        return len(self._data) if run is None else len(run.environment)

    def __repr__(self) -> str:
        # The original shows _data, whatever the subclass says: the server's variables.
        if _find() is None:
            return _Environ.__repr__(self)
        items = ", ".join(f"{name!r}: {value!r}" for name, value in self.items())
        return f"environ({{{items}}})"

    def get(self, key: Any, default: Any = None) -> Any:
        run = _find()
        if run is None:
            return _Environ.get(self, key, default)
        if not isinstance(key, str):
            self.encodekey(key)
        return run.environment.get(key, default)


class _RunEnvironmentBytes(_Environ):  # type: ignore[misc, valid-type]
    """os.environb: the same variables as bytes."""

    def __getitem__(self, key: Any) -> Any:
        if _find() is None:
            return _Environ.__getitem__(self, key)
        name = os.fsdecode(self.encodekey(key))
        try:
            return os.fsencode(os.environ[name])
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        if _find() is None:
            _Environ.__setitem__(self, key, value)
        else:
            name, text = self.encodekey(key), self.encodevalue(value)
            os.environ[os.fsdecode(name)] = os.fsdecode(text)

    def __delitem__(self, key: Any) -> None:
        if _find() is None:
            _Environ.__delitem__(self, key)
        else:
            del os.environ[os.fsdecode(self.encodekey(key))]

    def __iter__(self) -> Iterator[Any]:
        run = _find()
        if run is None:
            return iter(_Environ.__iter__(self))
        return iter([os.fsencode(name) for name in run.environment])

    def __len__(self) -> int:
        run = _find()
        return len(self._data) if run is None else len(run.environment)

    __repr__ = _RunEnvironment.__repr__


class _PosixEnvironment(MutableMapping[bytes, bytes]):
    """posix.environ: what the process started with; a run's is its environment."""

    def __init__(self, original: Dict[bytes, bytes]) -> None:
        self._original = original

    def _target(self) -> MutableMapping[bytes, bytes]:
        return self._original if _find() is None else os.environb

    def __getitem__(self, key: bytes) -> bytes:
        return self._target()[key]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._target()[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self._target()[key]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._target())

    def __len__(self) -> int:
        return len(self._target())


class _RunOs(GuardedModule):
    """The class of os: assigning ``os.environ`` ends with the run, too."""

    @property
    def environ(self) -> Any:
        return self.__dict__["environ"]

    @environ.setter
    def environ(self, value: Any) -> None:
        run = _find()
        if run is None:
            self.__dict__["environ"] = value
        elif value is not self.__dict__["environ"]:
            # Our object stays: os.getenv() and other modules hold on to it.
            run.environment = value if isinstance(value, dict) else dict(value)


def _check(name: bytes, value: bytes) -> None:
    """Refuse what putenv() refuses."""
    if b"\0" in name or b"\0" in value:
        raise ValueError("embedded null byte")
    if b"=" in name:
        raise ValueError("illegal environment variable name")
    if not name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _check_unset(name: bytes) -> None:
    """Refuse what unsetenv() refuses."""
    if b"\0" in name:
        raise ValueError("embedded null byte")
    if not name or b"=" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


# By name: what children get, or None, and what os.environ had when it was put.
_Puts = Dict[str, Tuple[Optional[str], Optional[str]]]
_puts: PerRun[_Puts] = PerRun(lambda run: {})


def _put(run: RunContext, name: _Text, value: _Text, /) -> None:
    """Do what os.environ does not see, and nobody but children may."""
    _check(os.fsencode(name), os.fsencode(value))
    key = os.fsdecode(name)
    _puts.of(run)[key] = os.fsdecode(value), run.environment.get(key)


def _unset(run: RunContext, name: _Text, /) -> None:
    _check_unset(os.fsencode(name))
    key = os.fsdecode(name)
    _puts.of(run)[key] = None, run.environment.get(key)


def for_child(run: RunContext) -> Dict[str, str]:
    """Return the variables that a child of the run inherits."""
    variables = dict(run.environment)
    for name, (value, before) in (_puts.find(run) or {}).items():
        # What is assigned to os.environ is put as well: the last one counts.
        if run.environment.get(name) is before:
            variables.pop(name, None)
            if value is not None:
                variables[name] = value
    return variables


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    undo: List[Callable[[], None]] = []
    _change_class(os.environ, _RunEnvironment, undo)
    replace(os, "__class__", _RunOs, undo)
    if os.supports_bytes_environ:
        _change_class(os.environb, _RunEnvironmentBytes, undo)
    modules = (os, sys.modules[os.name])
    replace_in_run(modules, "putenv", _put, undo)
    replace_in_run(modules, "unsetenv", _unset, undo)
    if posix is not None:
        stand_in = _PosixEnvironment(posix.environ)
        replace(posix, "environ", stand_in, undo)
    return undoing(undo)


def _change_class(
    target: object, new_class: type, undo: List[Callable[[], None]]
) -> None:
    old_class = type(target)
    new_class.__name__ = new_class.__qualname__ = old_class.__name__
    target.__class__ = new_class
    undo.append(lambda: setattr(target, "__class__", old_class))
