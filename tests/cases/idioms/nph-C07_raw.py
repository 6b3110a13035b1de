#!/usr/bin/env python3
import os, sys

sys.stdout.write("%s 200 Fine\r\n" % os.environ["SERVER_PROTOCOL"])
sys.stdout.write("Content-Type: text/plain\r\nX-Own: 1\r\n\r\n")
sys.stdout.flush()
print("raw response")
