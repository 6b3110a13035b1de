#!/usr/bin/env python3
print("Content-Type: text/plain\n")
import idiom_asserts
print(__debug__, idiom_asserts.CHECKED)
assert idiom_asserts.CHECKED == 2, "the helper of another script"
assert False, "checked"
