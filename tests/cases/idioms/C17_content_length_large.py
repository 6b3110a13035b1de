#!/usr/bin/env python3
print("Content-Type: text/plain\nContent-Length: 30000\n\nless")
