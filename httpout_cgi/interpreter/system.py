"""sys for each run: its streams, argv, path, hooks, and its ``__main__``.

Two levels.  C code (``print``, ``input``) reads sys' dictionary: stable proxies are
in there.  Python code gets and sets attributes: sys' class has properties, and gets
one more for each name that a run assigns or deletes.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List

from httpout_cgi.interpreter import persistent
from httpout_cgi.interpreter.module_types import PassesForModule, make_proxy
from httpout_cgi.interpreter.run_context import (
    PerRun,
    RunContext,
    current,
    current_for_changes,
    is_importing_shared,
    process,
)

_find = current.get
_STREAMS = {
    "stdin": "stdin",
    "stdout": "stdout",
    "stderr": "stderr",
    "__stdin__": "initial_stdin",
    "__stdout__": "initial_stdout",
    "__stderr__": "initial_stderr",
}
_VALUES = {
    "argv": "argv",
    "path": "search_path",
    "excepthook": "excepthook",
    "displayhook": "displayhook",
    "modules": "modules_view",
}
# Lists that scripts change in place: a copy for each run that looks.  A cache of what
# the hooks found must not outlive them.
_COPIED: Dict[str, Callable[[Any], Any]] = {
    "meta_path": list,
    "path_hooks": list,
    "path_importer_cache": lambda shared: {},
    # Those of the server's own command line.
    "warnoptions": lambda shared: [],
    "_xoptions": lambda shared: {},
}
_DELETED = object()

# What the run has assigned to other names, or deleted.
_assigned: PerRun[Dict[str, Any]] = PerRun(lambda run: {})


class StreamProxy:
    """A standard stream for C code, and for code that outlives the run."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_attribute", _STREAMS[name])

    # Any: whatever is the stream now; a script may assign anything.
    def _stream(self) -> Any:
        run = _find()
        return process[self._name] if run is None else getattr(run, self._attribute)

    def __getattr__(self, name: str) -> Any:
        stream = self._stream()
        if stream is None or stream is _DELETED:
            return self._pretend(stream, name)
        return getattr(stream, name)

    # Any: an attribute of a stream.
    def _pretend(self, stream: object, name: str) -> Any:
        """Be what C code does not meet here: None, or nothing at all."""
        if stream is _DELETED:
            raise RuntimeError(f"lost sys.{self._name}")
        if name == "readline":
            raise RuntimeError(f"input(): lost sys.{self._name}")
        return _do_nothing if name in ("write", "flush") else getattr(None, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._stream(), name, value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream())

    def __next__(self) -> Any:
        return next(self._stream())

    def __enter__(self) -> Any:
        return self._stream().__enter__()

    def __exit__(self, *exception: object) -> Any:
        return self._stream().__exit__(*exception)

    def __repr__(self) -> str:
        return repr(self._stream())


class _OutputProxy(StreamProxy):
    """Standard output: every print() looks up ``write`` here, so it is quick."""

    # What raises AttributeError goes on to __getattr__().
    @property
    def write(self) -> Any:
        run = _find()
        return process["stdout"].write if run is None else run.stdout.write


def _do_nothing(text: object = "") -> None:
    """Write to nobody."""


class _MainProxy(ModuleType, metaclass=PassesForModule):
    """sys.modules['__main__']: the script's module in a run."""

    def __getattribute__(self, name: str) -> Any:
        return getattr(_main_module(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(_main_module(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_main_module(), name)

    def __dir__(self) -> List[str]:
        return dir(_main_module())

    def __repr__(self) -> str:
        return repr(_main_module())


def _main_module() -> ModuleType:
    run = _find()
    if run is None or run.main is None:
        main: ModuleType = process["__main__"]
        return main
    return run.main


class _RunSystem(ModuleType, metaclass=PassesForModule):
    """The class of sys while the stand-ins are installed."""

    def __setattr__(self, name: str, value: object) -> None:
        _make_private(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _make_private(name)
        super().__delattr__(name)

    def __dir__(self) -> List[str]:
        run = current_for_changes()
        own = None if run is None else _assigned.find(run)
        names = {**self.__dict__, **(own or {})}
        return [name for name in names if (own or {}).get(name) is not _DELETED]


_proxies: Dict[str, StreamProxy] = {
    name: _OutputProxy(name) if name == "stdout" else StreamProxy(name)
    for name in _STREAMS
}


def _stream_property(name: str, attribute: str) -> property:
    def get(module: ModuleType) -> Any:
        run = _find()
        if run is None:
            return process[name]
        if run.has_imported_shared and is_importing_shared.get():
            return _proxies[name]
        if run.parts and persistent.is_importing():
            return _proxies[name]
        value = getattr(run, attribute)
        if value is _DELETED:
            raise AttributeError(f"module 'sys' has no attribute {name!r}")
        return value

    set_value = _setter(name, attribute)

    def delete(module: ModuleType) -> None:
        get(module)
        set_value(module, _DELETED)

    return property(get, set_value, delete)


def _value_property(name: str, attribute: str) -> property:
    def get(module: ModuleType) -> Any:
        run = current_for_changes()
        return process[name] if run is None else getattr(run, attribute)

    return property(get, _setter(name, attribute))


def _setter(name: str, attribute: str) -> Callable[[ModuleType, object], None]:
    def set_value(module: ModuleType, value: object) -> None:
        run = current_for_changes()
        if run is None:
            process[name] = value
            if name not in _STREAMS:
                module.__dict__[name] = value
        elif name in _proxies and value is _proxies[name]:
            # Whoever has it from sys' dictionary, as mock.patch() does, puts it back.
            setattr(run, attribute, getattr(run, f"initial_{name.strip('_')}"))
        elif value is process[name]:
            run.__dict__.pop(attribute, None)
        else:
            setattr(run, attribute, value)

    return set_value


def _make_private(name: str) -> None:
    """Let a name have a value for each run, from now on."""
    if name not in vars(_RunSystem) and current_for_changes() is not None:
        setattr(_RunSystem, name, _own_property(name))


def _own_property(name: str) -> property:
    message = f"module 'sys' has no attribute {name!r}"

    def get(module: ModuleType) -> Any:
        run = current_for_changes()
        own = None if run is None else _assigned.find(run)
        value = (module.__dict__ if own is None or name not in own else own).get(
            name, _DELETED
        )
        if value is _DELETED:
            raise AttributeError(message)
        return value

    def set_value(module: ModuleType, value: object) -> None:
        run = current_for_changes()
        (module.__dict__ if run is None else _assigned.of(run))[name] = value

    def delete(module: ModuleType) -> None:
        get(module)
        run = current_for_changes()
        if run is None:
            del module.__dict__[name]
        else:
            _assigned.of(run)[name] = _DELETED

    return property(get, set_value, delete)


def _copied_property(name: str, copy: Callable[[Any], Any]) -> property:
    own = _own_property(name)

    def get(module: ModuleType) -> Any:
        run = current_for_changes()
        if run is None:
            return module.__dict__[name]
        return _assigned.of(run).setdefault(name, copy(module.__dict__[name]))

    return property(get, own.fset, own.fdel)


def own_finders(run: RunContext) -> List[List[Any]]:
    """Return the run's additions to sys.meta_path, before the usual ones and behind."""
    found: List[List[Any]] = [[], []]
    own = _assigned.find(run)
    if own is not None and "meta_path" in own:
        shared = sys.__dict__["meta_path"]
        is_behind = False
        for finder in own["meta_path"]:
            if finder in shared:
                is_behind = True
            else:
                found[is_behind].append(finder)
    return found


def has_own_path_hooks(run: RunContext) -> bool:
    """Tell whether the run has changed sys.path_hooks."""
    own = _assigned.find(run)
    if own is None or "path_hooks" not in own:
        return False
    return bool(own["path_hooks"] != sys.__dict__["path_hooks"])


for _name, _attribute in _STREAMS.items():
    setattr(_RunSystem, _name, _stream_property(_name, _attribute))
for _name, _attribute in _VALUES.items():
    setattr(_RunSystem, _name, _value_property(_name, _attribute))
for _name, _copy in _COPIED.items():
    setattr(_RunSystem, _name, _copied_property(_name, _copy))


def install() -> Callable[[], None]:
    """Put the stand-ins in place; return what takes them away again."""
    namespace = sys.__dict__
    for name in (*_STREAMS, *_VALUES):
        process[name] = namespace[name]
    process["__main__"] = sys.modules["__main__"]
    namespace.update(_proxies)
    sys.__class__ = _RunSystem
    sys.modules["__main__"] = make_proxy(_MainProxy, "__main__")
    return _uninstall


def _uninstall() -> None:
    sys.__class__ = ModuleType
    process["modules"]["__main__"] = process.pop("__main__")
    for name in (*_STREAMS, *_VALUES):
        sys.__dict__[name] = process.pop(name)
