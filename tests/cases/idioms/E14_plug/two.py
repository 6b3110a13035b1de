from .one import run as first


def run():
    return first() + " and two"
