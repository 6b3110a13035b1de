import sys


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


def measure():
    seen = 0

    def down():
        nonlocal seen
        seen += 1
        down()

    try:
        down()
    except RecursionError as exc:
        print(str(exc).partition(" while")[0])
    return seen


print("Content-Type: text/plain\n")
print(sys.getrecursionlimit(), 900 < measure() < 1000)
sys.setrecursionlimit(5000)
print(sys.getrecursionlimit(), depth(4500), 4900 < measure() < 5000)
try:
    sys.setrecursionlimit(0)
except ValueError as exc:
    print(exc)
