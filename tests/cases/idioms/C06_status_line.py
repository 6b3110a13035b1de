#!/usr/bin/env python3
print("HTTP/1.0 200 OK"); print("Content-Type: text/plain\n")
print("page")
