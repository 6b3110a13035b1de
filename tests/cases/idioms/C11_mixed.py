#!/usr/bin/env python3
import sys

sys.stdout.write("Content-Type: text/html\r\nX-A: 1\nX-B: 2\r\n\nbody")
