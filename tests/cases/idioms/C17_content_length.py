#!/usr/bin/env python3
print("Content-Type: text/plain\nContent-Length: 3\n\nmore than three")
