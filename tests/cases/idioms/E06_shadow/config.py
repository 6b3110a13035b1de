whose = "our config"
