# coding: latin-1
print("Content-Type: text/plain; charset=utf-8\n")
# hé
print("café", b"bytes", ascii("ÿ"))
