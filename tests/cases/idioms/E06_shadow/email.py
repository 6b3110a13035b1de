whose = "our email"
