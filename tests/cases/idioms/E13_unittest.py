import sys
import unittest


class TestThings(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1 + 1, 2)

    @unittest.skip("not today")
    def test_skipped(self):
        pass


def setUpModule():
    print("set up")


class Runner:
    def run(self, suite):
        result = unittest.TestResult()
        suite(result)
        names = sorted(test.id() for test, _ in result.skipped)
        print(result.testsRun, result.wasSuccessful(), names, result.errors)
        return result


if __name__ == "__main__":
    print("Content-Type: text/plain\n")
    unittest.main(testRunner=Runner, exit=False)
    print(unittest.defaultTestLoader.loadTestsFromName("__main__.TestThings"))
    sys.stderr = open("/dev/null", "w")
    unittest.main()
