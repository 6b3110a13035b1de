"""A module with examples.

>>> word
'a global of the script'
>>> add(1, 2)
3
>>> add(1, 2)
4
"""

import doctest


def add(a, b):
    """Add.

    >>> add("a", "b")
    'ab'
    >>> print(add(1.0, 2))
    3.0
    >>> add(1, "x")
    Traceback (most recent call last):
        ...
    TypeError: unsupported operand type(s) for +: 'int' and 'str'
    """
    return a + b


word = "a global of the script"
print("Content-Type: text/plain\n")
print(doctest.testmod())
print(doctest.testmod(verbose=True))
print("printed as before")
