#!/usr/bin/env python3
import codecs, sys

reader = codecs.getreader("utf-8")(sys.stdin.buffer)
print("Content-Type: text/plain\n")
sys.stdin = reader
print(ascii(sys.stdin.readline()), ascii(input()), ascii(sys.stdin.read()))
