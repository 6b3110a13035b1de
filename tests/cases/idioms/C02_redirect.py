#!/usr/bin/env python3
print("Status: 302"); print("Location: /new"); print()
