word = "deep in lib"
