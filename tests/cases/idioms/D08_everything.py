#!/usr/bin/env python3
import sys, traceback

def main():
    return undefined_name

try: main()
except: print("Status: 500\n"); traceback.print_exc(file=sys.stdout)
