import sys

sys.setrecursionlimit(10**5)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print("Content-Type: text/plain\n")
print(sys.getrecursionlimit(), depth(9000))
nested = []
for _ in range(5000):
    nested = [nested]
print(len(repr(nested)))
