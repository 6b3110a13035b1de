#!/usr/bin/env python3
import sys

sys.stdout.write("Content-Type: text/html\r\n\r\n")
sys.stdout.write("one\r\ntwo\n")
