"""Run with `python3 -m unittest` in this folder."""

import base64
import unittest

from app import handler


def http(path="/", **more):
    return {"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {}, **more}


class Greeting(unittest.TestCase):
    def check(self, event, text):
        answer = handler(event, None)
        self.assertEqual(answer["statusCode"], 200)
        self.assertEqual(answer["headers"]["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(answer["body"], text)

    def test_query_path_or_body_name_who_is_greeted(self):
        self.check(http(queryStringParameters={"name": "Ada"}), "Hello, Ada!\n")
        self.check(http("/Ada%20L"), "Hello, Ada L!\n")
        self.check(http(body="Ada\n", isBase64Encoded=False), "Hello, Ada!\n")
        encoded = base64.b64encode("Löve".encode()).decode()
        self.check(http(body=encoded, isBase64Encoded=True), "Hello, Löve!\n")
        self.check(http(), "Hello, World!\n")

    def test_a_bare_event_gets_a_bare_answer(self):
        self.assertEqual(handler({"name": "Ada"}, None), {"greeting": "Hello, Ada!"})
        self.assertEqual(handler(None, None), {"greeting": "Hello, World!"})


if __name__ == "__main__":
    unittest.main()
