"""A helper module that sets the path up for the script."""

import E07_setup
import E07_tool

print("Content-Type: text/plain\n")
print(E07_tool.word, E07_setup.done)
