whose = "our colorsys"
