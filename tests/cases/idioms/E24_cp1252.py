#!/usr/bin/python3
# This file uses the encoding: cp1252
print("Content-Type: text/plain; charset=utf-8\n")
print("€ “quoted”")
