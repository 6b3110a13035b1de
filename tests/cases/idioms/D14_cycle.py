#!/usr/bin/env python3
class Node:
    def __del__(self):
        print("collected", self.name)

print("Content-Type: text/plain\n")
a, b = Node(), Node()
a.other, b.other = b, a
a.name = b.name = "node"
print("end of main")
