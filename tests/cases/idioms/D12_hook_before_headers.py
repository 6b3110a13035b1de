#!/usr/bin/env python3
import sys, traceback

def hook(*exc_info):
    print("Status: 503 Try later\nContent-Type: text/plain\n")
    print(traceback.format_exception_only(*exc_info[:2])[0], end="")
    sys.__excepthook__(*exc_info)
    sys.stdout.flush()

sys.excepthook = hook
open("/no/such/file")
