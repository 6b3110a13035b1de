#!/usr/bin/env python3
def footer(text):
    return "<%s>" % text

class Page:
    title = "title"
    def close(self):
        print(footer(self.title))
    def __del__(self):
        self.close()

print("Content-Type: text/plain\n")
page = Page()
