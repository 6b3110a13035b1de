star = "a module that only __all__ names"
