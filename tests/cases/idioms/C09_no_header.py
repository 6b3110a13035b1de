#!/usr/bin/env python3
print("<html>")
print("<body>no header section</body></html>")
