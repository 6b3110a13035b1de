#!/usr/bin/env python3
print("Location: http://example.org/a?b=c\n")
