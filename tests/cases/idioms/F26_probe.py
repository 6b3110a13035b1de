import sys


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print("Content-Type: text/plain\n")
print(sys.getrecursionlimit(), depth(800))
