import os
import sys

sys.path.insert(0, "../E07_lib")
import E07_tool

print("Content-Type: text/plain\n")
print(E07_tool.word, os.path.abspath(E07_tool.__file__))
print(sys.path[0], sys.path[1] == os.getcwd())
