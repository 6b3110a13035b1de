whose = "our string"
