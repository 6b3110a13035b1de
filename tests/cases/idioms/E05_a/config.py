NAME = "application a"
