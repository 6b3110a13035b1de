"""``app`` of pages: middleware and hooks, called as tremolo calls them.

Routes and connections are the server's own.
"""

import inspect
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NoReturn

# Any: whatever a page has defined.
Function = Callable[..., Any]

_HOOKS = ("worker_start", "worker_stop")
_MIDDLEWARES = ("request", "response")


# What comes first with the others comes last with these.
_INWARDS = ("worker_stop", "response")
# tremolo's, of who does not care.
_PRIORITY = 999


class PageApp:
    """Keeps what ``__globals__.py`` adds.

    Of the events that begin something, the lowest priority is called first, and last of
    those that end it.  ``has_middleware`` tells whether there is any of either kind.
    """

    has_middleware = False

    def __init__(self) -> None:
        self._functions: dict[str, list[tuple[int, Function]]] = {}

    def find(self, name: str) -> list[Function]:
        """Return what was added for an event."""
        return [function for _, function in self._functions.get(name, ())]

    def add_hook(
        self, function: Function, name: str = "worker_start", priority: int = _PRIORITY
    ) -> Function:
        """Call a function when the worker starts, or stops."""
        return self._add(function, name, priority, _HOOKS)

    def add_middleware(
        self, function: Function, name: str = "request", priority: int = _PRIORITY
    ) -> Function:
        """Call a function before each page, or before its header section is sent.

        Also for what is no page, but lies in its folder.
        """
        return self._add(function, name, priority, _MIDDLEWARES)

    # As decorators, with parentheses or without.

    def hook(self, name: str, *given: Function, priority: int = _PRIORITY) -> Function:
        return _decorate(lambda one: self.add_hook(one, name, priority), given)

    def middleware(
        self, name: str, *given: Function, priority: int = _PRIORITY
    ) -> Function:
        return _decorate(lambda one: self.add_middleware(one, name, priority), given)

    def on_worker_start(self, *given: Function, priority: int = _PRIORITY) -> Function:
        return self.hook("worker_start", *given, priority=priority)

    def on_worker_stop(self, *given: Function, priority: int = _PRIORITY) -> Function:
        return self.hook("worker_stop", *given, priority=priority)

    def on_request(self, *given: Function, priority: int = _PRIORITY) -> Function:
        return self.middleware("request", *given, priority=priority)

    def on_response(self, *given: Function, priority: int = _PRIORITY) -> Function:
        return self.middleware("response", *given, priority=priority)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"app.{name}: here, app has add_hook and on_worker_start/stop,"
            " add_middleware and on_request/response"
        )

    def _add(
        self, function: Function, name: str, priority: int, known: tuple[str, ...]
    ) -> Function:
        if name not in known:
            raise ValueError(f"{name!r} is none of {', '.join(known)}")
        if name in _MIDDLEWARES:
            self.has_middleware = True
        functions = self._functions.setdefault(name, [])
        functions.append((priority, function))
        functions.sort(key=itemgetter(0), reverse=name in _INWARDS)
        return function


def call(function: Function, values: Mapping[str, object]) -> Any:
    """Call a function with those of the values that it takes."""
    parameters = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return function(**values)
    return function(**{name: values[name] for name in parameters if name in values})


def _decorate(decorator: Function, given: tuple[Function, ...]) -> Function:
    decorated: Function = decorator(given[0]) if given else decorator
    return decorated
