"""Classes for modules that behave a little unlike others, and do not look it."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Dict

_PACKAGE = __name__.rpartition(".")[0]


class PassesForModule(type):
    """The class of such classes: ``type(sys)`` makes, and is asked for, modules.

    Old code writes ``isinstance(x, type(sys))`` and ``type(sys)("name")``, importlib
    among it.
    """

    # Any: as for type().
    def __new__(
        cls, name: str, bases: Any, namespace: Dict[str, Any], **options: Any
    ) -> Any:
        if str(namespace.get("__module__")).startswith(_PACKAGE):
            return super().__new__(cls, name, bases, namespace, **options)
        # class Lazy(type(sys)) of a script: a module as any other.
        plain = [ModuleType if isinstance(base, cls) else base for base in bases]
        return type(name, tuple(plain), namespace, **options)

    def __call__(cls, *arguments: Any, **keywords: Any) -> ModuleType:
        return ModuleType(*arguments, **keywords)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, ModuleType)

    def __eq__(cls, other: object) -> bool:
        return other is ModuleType or isinstance(other, PassesForModule)

    def __hash__(cls) -> int:
        return hash(ModuleType)

    def __init__(cls, name: str, bases: Any, namespace: Any) -> None:
        super().__init__(name, bases, namespace)
        cls.__name__ = cls.__qualname__ = "module"
        cls.__module__ = "builtins"


def make_proxy(proxy_class: type, name: str) -> ModuleType:
    """Make a module of a class that passes for the plain one."""
    # As type(module)(name) would, if that did not make a plain one.
    module: ModuleType = type.__call__(proxy_class, name)
    return module
