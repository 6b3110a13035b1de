from __future__ import annotations

import dataclasses
import typing


@dataclasses.dataclass(frozen=True, order=True)
class Base:
    number: int = 0
    all: typing.ClassVar[typing.List[Base]] = []
