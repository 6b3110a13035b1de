def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return "made " + name


def __dir__():
    return ["anything"]
