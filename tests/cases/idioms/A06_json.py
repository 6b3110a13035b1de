#!/usr/bin/env python3
import json, sys

req = json.load(sys.stdin)
print("Content-Type: application/json\n")
print(json.dumps({"ok": req["x"]}))
