"""pickle in runs: classes and functions of local modules, by their names.

The modules in C look into the process's own sys.modules, which has no local module.
What they cannot find is looked up here, or written by pickle's part in Python.
"""

from __future__ import annotations

import _pickle
import io
import pickle
import sys
from functools import lru_cache, reduce
from types import ModuleType
from typing import Any, Callable, Dict, List, Tuple

from httpout_cgi.interpreter import imports
from httpout_cgi.interpreter.run_context import current_for_changes, replace, undoing

_Pickler: Any = _pickle.Pickler
_Unpickler: Any = _pickle.Unpickler
_PythonPickler: Any = pickle._Pickler
_dumps, _loads = _pickle.dumps, _pickle.loads
_dump, _load = _pickle.dump, _pickle.load

# What a subclass or an instance may say about how to pickle.
_HOOKS = ("persistent_id", "reducer_override", "dispatch_table")


class Unpickler(_Unpickler):  # type: ignore[misc]
    """_pickle.Unpickler, which finds local modules."""

    # Any: what a pickle names.
    def find_class(self, module_name: str, name: str, /) -> Any:
        run = current_for_changes()
        module = None if run is None else imports.find_local(run, module_name)
        if module is None:
            return super().find_class(module_name, name)
        sys.audit("pickle.find_class", module_name, name)
        try:
            return reduce(getattr, name.split("."), module)
        except AttributeError:
            raise AttributeError(
                f"Can't get attribute {name!r} on {module!r}"
            ) from None


class Pickler(_Pickler):  # type: ignore[misc]
    """_pickle.Pickler; what it cannot write is written by the one in Python."""

    # Any: a protocol, and the file or its methods, are the original's business.
    def __init__(self, file: Any, *arguments: Any, **options: Any) -> None:
        self._target = _Held(file)
        self._python_options = (arguments, options)
        super().__init__(self._target, *arguments, **options)

    def dump(self, obj: object, /) -> None:
        if "_target" not in self.__dict__:
            # A subclass did not call __init__(): the error says so, while to look at
            # the memo would crash.
            super().dump(obj)
        memo = self.memo.copy() if _has_local_modules() else None
        try:
            super().dump(obj)
        except pickle.PicklingError as exc:
            self._target.forget()
            if memo is None:
                raise
            self._dump_with_python(obj, memo, exc)
        except BaseException:
            self._target.forget()
            raise
        self._target.release()

    def _dump_with_python(
        self, obj: object, memo: Dict[int, Tuple[int, object]], exc: Exception
    ) -> None:
        arguments, options = self._python_options
        pickler = _PythonPickler(self._target, *arguments, **options)
        pickler.memo = memo
        pickler.fast = self.fast
        for name in _HOOKS:
            if hasattr(self, name):
                setattr(pickler, name, getattr(self, name))
        try:
            pickler.dump(obj)
        except pickle.PicklingError:
            self._target.forget()
            raise exc from None
        self.memo = pickler.memo


class _Held:
    """A file that gets what is written when it is known to be good."""

    # Any: whatever has write().
    def __init__(self, file: Any) -> None:
        if not hasattr(file, "write"):
            raise TypeError("file must have a 'write' attribute")
        self._write = file.write
        self._parts: List[Any] = []

    def write(self, data: Any) -> int:
        self._parts.append(data)
        return len(data)

    def forget(self) -> None:
        self._parts.clear()

    def release(self) -> None:
        parts, self._parts = self._parts, []
        for data in parts:
            self._write(data)


def _has_local_modules() -> bool:
    run = current_for_changes()
    return run is not None and len(run.modules) > 1


# Any: the options are the originals' business.
def dumps(obj: object, *arguments: Any, **options: Any) -> bytes:
    """Stand in for pickle.dumps."""
    try:
        return _dumps(obj, *arguments, **options)
    except pickle.PicklingError:
        if not _has_local_modules():
            raise
    file = io.BytesIO()
    Pickler(file, *arguments, **options).dump(obj)
    return file.getvalue()


def dump(obj: object, file: Any, *arguments: Any, **options: Any) -> None:
    """Stand in for pickle.dump."""
    if _has_local_modules():
        Pickler(file, *arguments, **options).dump(obj)
    else:
        _dump(obj, file, *arguments, **options)


def loads(data: Any, /, **options: Any) -> Any:
    """Stand in for pickle.loads."""
    if current_for_changes() is None:
        return _loads(data, **options)
    return Unpickler(io.BytesIO(data), **options).load()


def load(file: Any, /, **options: Any) -> Any:
    """Stand in for pickle.load."""
    if current_for_changes() is None:
        return _load(file, **options)
    return Unpickler(file, **options).load()


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again.

    Also in the modules that have imported the originals already.
    """
    undo: List[Callable[[], None]] = []
    for stand_in in _STAND_INS:
        name = stand_in.__name__
        original = getattr(_pickle, name)
        for module in _find_holders(len(sys.modules)):
            if module.__dict__.get(name) is original:
                replace(module, name, stand_in, undo)
    return undoing(undo)


def prepare() -> None:
    """Do what is the same in all children, before the fork.

    To look at a module is to count a reference to it: a child copies its page.
    """
    _find_holders(len(sys.modules))


@lru_cache(maxsize=1)
def _find_holders(count: int) -> List[ModuleType]:
    """Return the modules that have an original; ``count`` is how many there are."""
    originals = [(one.__name__, getattr(_pickle, one.__name__)) for one in _STAND_INS]
    return [
        module
        for module in list(sys.modules.values())
        if any(
            getattr(module, "__dict__", {}).get(name) is original
            for name, original in originals
        )
    ]


_STAND_INS = (Pickler, Unpickler, dumps, dump, loads, load)
for _stand_in in _STAND_INS:
    _stand_in.__module__ = "_pickle"
