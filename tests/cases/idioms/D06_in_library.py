#!/usr/bin/env python3
import json

print("Content-Type: text/plain\n")
print("half a page")
json.loads("{")
