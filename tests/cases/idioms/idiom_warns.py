import warnings


def old():
    warnings.warn("old() is old", DeprecationWarning, stacklevel=2)


def deprecated_here():
    warnings.warn("unheard: not in __main__", DeprecationWarning)
    warnings.warn("heard", UserWarning)
