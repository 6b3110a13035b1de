#!/usr/bin/env python3
import email.utils

print("Last-Modified:", email.utils.formatdate(1000000000, usegmt=True))
print('ETag: "v1"')
print("Content-Type: text/html\n\npage")
