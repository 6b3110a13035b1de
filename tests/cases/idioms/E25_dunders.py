"""The docstring."""

print("Content-Type: text/plain\n")
print(__doc__, __name__, __spec__, __package__, __cached__)
print(type(__builtins__).__name__)
print(type(__loader__).__name__, __loader__.path == __file__, __loader__.name)
print(__loader__.get_source("__main__") == open(__file__).read())
