CHECKED = 1 + __debug__
assert CHECKED, "a message"
