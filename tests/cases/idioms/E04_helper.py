import os

__all__ = ["shout"]


def greet(name):
    return "hello " + name + " at " + os.environ["SCRIPT_NAME"]


def shout(name):
    return name.upper()


def late():
    import E04_late

    return E04_late.word
