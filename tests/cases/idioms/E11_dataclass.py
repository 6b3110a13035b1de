from __future__ import annotations

import dataclasses
import typing
from dataclasses import InitVar, dataclass, field
from typing import ClassVar, NamedTuple, Optional, TypedDict

import E11_models


@dataclass
class Item:
    name: str
    price: float = 0.0
    count: ClassVar[int] = 0
    seed: InitVar[int] = 1
    tags: typing.List[str] = field(default_factory=list)
    parent: Optional[Item] = None

    def __post_init__(self, seed):
        self.price += seed


@dataclass(order=True, frozen=True)
class Pair(E11_models.Base):
    left: Item = None


class Row(NamedTuple):
    item: Item
    number: int = 0


class Options(TypedDict, total=False):
    item: Item


def function(item: Item, rows: typing.List[Row]) -> Optional[Pair]:
    pass


print("Content-Type: text/plain\n")
print(Item("a", 2.0), [f.name for f in dataclasses.fields(Item)])
print(typing.get_type_hints(Item)["parent"] == Optional[Item])
print(typing.get_type_hints(function))
print(typing.get_type_hints(Row), typing.get_type_hints(Options))
print(typing.get_type_hints(E11_models.Base), typing.get_type_hints(Pair)["left"])
print(dataclasses.asdict(Pair(1)), Pair(1) < Pair(2), E11_models.Base.all)
Made = dataclasses.make_dataclass("Made", [("x", int)])
print(Made(3), Made.__module__ in ("types", "__main__"))
