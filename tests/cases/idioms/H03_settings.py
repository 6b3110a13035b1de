SECRET = "of the site"
DEBUG = False
