"""Data of a package through importlib.resources."""

from importlib import resources

print("Content-Type: text/plain\n")
print(resources.files("E04_pkg").joinpath("data.txt").read_text(), end="")
import E04_pkg

print((resources.files(E04_pkg) / "data.txt").read_bytes())
