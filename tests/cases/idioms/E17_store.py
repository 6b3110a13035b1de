import functools

cache = []
hits = 0


class Thing:
    shared = {}


@functools.lru_cache()
def compute(x):
    return x * 2
