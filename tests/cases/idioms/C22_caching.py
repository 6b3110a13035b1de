#!/usr/bin/env python3
import time

print("Refresh: 5; url=/")
print("Cache-Control: no-cache, no-store")
print("Pragma: no-cache")
print("Expires: Thu, 01 Jan 1970 00:00:00 GMT")
print("P3P: CP=\"NOI\"")
print("X-Powered-By: snakes")
print("Content-Language: de")
print("Content-Type: text/html\n")
print("fresh")
