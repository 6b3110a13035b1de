__all__ = ["star_one", "star_module"]
star_one = 1
