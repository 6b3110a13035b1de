word = "wave of lib"
