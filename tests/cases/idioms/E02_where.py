import inspect
import os
import pathlib
import sys

print("Content-Type: text/plain\n")
here = os.path.dirname(os.path.abspath(__file__))
print(__file__ == sys.argv[0], here == os.getcwd(), here == sys.path[0])
print(os.path.basename(__file__), os.path.isabs(__file__))
print(pathlib.Path(__file__).resolve().parent == pathlib.Path.cwd())
print(os.path.realpath(sys.argv[0]) == os.path.realpath("E02_where.py"))
print(inspect.getfile(inspect.currentframe()) == __file__)
