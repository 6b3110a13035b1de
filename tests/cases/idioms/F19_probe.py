import os
import sys

print("Content-Type: text/plain\n")
print(os.getcwd() == os.path.dirname(os.path.abspath(__file__)) == sys.path[0])
