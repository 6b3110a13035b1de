#!/usr/bin/env python3
import os

class Odd(BaseException):
    def __str__(self):
        raise TypeError("no text")

class Bad(Exception):
    pass

kinds = {
    "odd": Odd(), "interrupt": KeyboardInterrupt(), "generator": GeneratorExit(),
    "stop": StopIteration(1), "class": Bad, "unicode": Bad("caf\xe9 \udcff"), "lines": Bad("a\nb\n"),
}
raise kinds[os.environ["QUERY_STRING"]]
