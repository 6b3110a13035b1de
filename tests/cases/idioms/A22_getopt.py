#!/usr/bin/env python3
import getopt, optparse, sys

opts, args = getopt.getopt(sys.argv[1:], "vo:")
print("Content-Type: text/plain\n")
print(opts, args, optparse.OptionParser().get_prog_name())
