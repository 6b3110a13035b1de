#!/usr/bin/env python3
import argparse

parser = argparse.ArgumentParser(description="Report.")
parser.add_argument("-v", "--verbose", action="store_true")
parser.add_argument("words", nargs="*")
args = parser.parse_args()
print("Content-Type: text/plain\n")
print(args.verbose, args.words, parser.prog)
