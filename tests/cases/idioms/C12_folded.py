#!/usr/bin/env python3
print("Content-Type: text/html\nX-Long: one\n  two\n\tthree\n\nbody")
