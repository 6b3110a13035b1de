TABLE = "table_b"
