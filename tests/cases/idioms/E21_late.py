def say(word):
    print(word)
