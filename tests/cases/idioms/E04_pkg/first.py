from . import second

name = "first"


def partner():
    return second
