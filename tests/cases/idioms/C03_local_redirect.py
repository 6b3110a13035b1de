#!/usr/bin/env python3
print("Location: /cgi-bin/C03_target.py\n")
