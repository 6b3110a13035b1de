"""``app`` of pages: middleware and hooks, called as tremolo calls them.

Routes and connections are the server's own.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

# Any: whatever a page has defined.
Function = Callable[..., Any]

_HOOKS = ("worker_start", "worker_stop")
_MIDDLEWARES = ("request", "response")


class PageApp:
    """Keeps what ``__globals__.py`` adds; what comes first is called first."""

    def __init__(self) -> None:
        self._functions: dict[str, list[Function]] = {}

    def find(self, name: str) -> list[Function]:
        """Return what was added for an event."""
        return self._functions.get(name, [])

    def add_hook(self, function: Function, name: str = "worker_start") -> Function:
        """Call a function when the worker starts, or stops."""
        return self._add(function, name, _HOOKS)

    def add_middleware(
        self, function: Function, name: str = "request", **_: object
    ) -> Function:
        """Call a function before each page, or before its header section is sent."""
        return self._add(function, name, _MIDDLEWARES)

    # As decorators, with parentheses or without.

    def hook(self, name: str, *_: object, **__: object) -> Function:
        return lambda function: self.add_hook(function, name)

    def middleware(self, name: str, *_: object, **__: object) -> Function:
        return lambda function: self.add_middleware(function, name)

    def on_worker_start(self, *arguments: Any, **_: object) -> Any:
        return _decorate(self.hook("worker_start"), arguments)

    def on_worker_stop(self, *arguments: Any, **_: object) -> Any:
        return _decorate(self.hook("worker_stop"), arguments)

    def on_request(self, *arguments: Any, **_: object) -> Any:
        return _decorate(self.middleware("request"), arguments)

    def on_response(self, *arguments: Any, **_: object) -> Any:
        return _decorate(self.middleware("response"), arguments)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"app.{name}: here, app has add_hook and on_worker_start/stop,"
            " add_middleware and on_request/response"
        )

    def _add(self, function: Function, name: str, known: tuple[str, ...]) -> Function:
        if name not in known:
            raise ValueError(f"{name!r} is none of {', '.join(known)}")
        self._functions.setdefault(name, []).append(function)
        return function


def call(function: Function, values: Mapping[str, object]) -> Any:
    """Call a function with those of the values that it takes."""
    parameters = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return function(**values)
    return function(**{name: values[name] for name in parameters if name in values})


def _decorate(decorator: Function, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) == 1 and callable(arguments[0]):
        return decorator(arguments[0])
    return decorator
