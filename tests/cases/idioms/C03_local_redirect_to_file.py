#!/usr/bin/env python3
print("Location: /plain.txt\n")
