import os

print("Content-Type: text/plain\n")
name = "Ann"
age = 7
print("%(name)s is %(age)s" % globals())
print("{name} is {age}".format(**vars()))
print(sorted(globals()))
print(dir())


def inner():
    local = 1
    return sorted(locals()), sorted(vars())


print(inner(), globals() is vars(), locals() is globals())
