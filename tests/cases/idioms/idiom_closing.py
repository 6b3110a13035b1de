class Connection:
    def query(self, text):
        print("query", text)

    def __del__(self):
        print("connection closed")


connection = Connection()
