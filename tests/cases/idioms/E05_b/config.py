import os

NAME = "application b " + os.environ["QUERY_STRING"]
