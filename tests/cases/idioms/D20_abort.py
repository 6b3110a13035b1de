#!/usr/bin/env python3
import os

print("Content-Type: text/plain\n\nlost")
os.abort()
