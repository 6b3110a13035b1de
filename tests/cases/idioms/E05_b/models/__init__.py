from .tables import TABLE


class Item:
    kind = "item of b"
