word = "here"
