import builtins


def install():
    builtins.translate = lambda word: "translated " + word


def later():
    builtins.translated = "later"
