#!/usr/bin/env python3
# -*- coding: euc-jp -*-
print("Content-Type: text/plain; charset=utf-8\n")
word = "日本語"
print(word, ascii(word), len(word))
import E24_koi8

print(E24_koi8.word, E24_koi8.слово)
import inspect


def function():
    return "日本"


print(inspect.getsource(function))
