#!/usr/bin/env python3
import json

print("Content-Type: text/plain\n")
with open(0, encoding="utf-8") as body:
    print(json.load(body))
