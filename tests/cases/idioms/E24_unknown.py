# coding: no-such-encoding
print("Content-Type: text/plain; charset=utf-8\n")
