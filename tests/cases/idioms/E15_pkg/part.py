word = "original"
