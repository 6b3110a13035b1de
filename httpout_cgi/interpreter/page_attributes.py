"""A bag of attributes that can be asked like a dict, too: ``context``, ``globals``."""

from __future__ import annotations

from typing import Any, Iterator


class Attributes:
    """Holds what anybody puts there."""

    # Any: as it is with attributes.
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"nothing is called {name!r} here")

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]

    def __setitem__(self, name: str, value: object) -> None:
        self.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        del self.__dict__[name]

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.__dict__))

    def __len__(self) -> int:
        return len(self.__dict__)

    def get(self, name: str, default: Any = None) -> Any:
        """Return what is called so, or the default."""
        return self.__dict__.get(name, default)

    def __repr__(self) -> str:
        return repr(self.__dict__)
