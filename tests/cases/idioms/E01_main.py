def main():
    print("Content-Type: text/plain\n")
    print("name", __name__)


if __name__ == "__main__":
    main()
