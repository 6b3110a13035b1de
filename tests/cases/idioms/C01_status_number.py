#!/usr/bin/env python3
print("Content-Type: text/plain")
print("Status: 410")
print("")
print("gone")
