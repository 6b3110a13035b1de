def say(word):
    print(word)


def use_open():
    return open("y")


def use_added():
    return added
