"""Relative entries mean the working directory at the time of the import."""

import os
import sys

sys.path.insert(0, "E07_lib")
print("Content-Type: text/plain\n")
os.chdir("..")
import E07_tool

print(E07_tool.word)
sys.path.insert(0, "")
os.chdir("E07_app/E07_below")
import E07_here

print(E07_here.word)
