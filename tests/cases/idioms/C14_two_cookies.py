#!/usr/bin/env python3
print("Set-Cookie: a=1; Path=/")
print("Set-Cookie: b=2; HttpOnly")
print("Content-Type: text/plain")
print()
print("two")
