#!/usr/bin/env python3
# windows
print("Content-Type: text/plain; charset=utf-8\n")
text = """one
two"""
print(repr(text), len(text))
if True:
	print("tab", \
	      "continued")
