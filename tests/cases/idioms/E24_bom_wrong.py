# -*- coding: latin-1 -*-
print("Content-Type: text/plain; charset=utf-8\n")
