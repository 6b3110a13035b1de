import E04_pkg.first

name = "second"


def partner():
    from . import first

    return first
