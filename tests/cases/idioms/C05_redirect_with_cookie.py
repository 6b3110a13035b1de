#!/usr/bin/env python3
print("Location: /cgi-bin/C03_target.py?a=1\nSet-Cookie: s=1\n")
