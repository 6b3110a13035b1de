#!/usr/bin/env python3
import csv, sys

sys.stdout.write("Content-Type: text/csv\r\n\r\n")
writer = csv.writer(sys.stdout)
writer.writerow(["a", 'b"c', "d,e"])
writer.writerows([[1, 2], [3, None]])
