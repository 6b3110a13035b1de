import __main__


def read():
    from __main__ import word

    return word, __main__.word, __main__.__file__
