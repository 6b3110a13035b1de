def hello():
    return _("Hello")


def pages(n):
    return ngettext("%d page", "%d pages", n) % n
