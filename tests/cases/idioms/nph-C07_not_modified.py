#!/usr/bin/env python3
print("HTTP/1.1 404 Nothing here\nContent-Type: text/plain\nServer: own\n\nnothing")
