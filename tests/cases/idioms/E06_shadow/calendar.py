whose = "our calendar"
