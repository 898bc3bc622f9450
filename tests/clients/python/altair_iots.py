"""Altair's own Python client with a static bearer, as its users call functions."""

import os

from iots import API

from checks import check, finish

host, key = os.environ["STAYPUT_URL"], os.environ["STAYPUT_DEV_KEY"]
api = API(host=host).set_token(key)

quote = api.make_request("GET", "/spaces/dev/functions/stock/invoke/stock/market/today?company=Google", timeout=30)
check("a path and a query arrive", (quote.status_code, quote.json()),
      (200, {"company": "Google", "day": "today", "price": 178.5}))
for method in ("POST", "GET", "PUT", "PATCH", "DELETE"):
    event = api.make_request(method, "/spaces/dev/functions/echo/invoke", body={"a": 1}).json()
    check(f"{method} arrives", (event["requestContext"]["http"]["method"], event["body"]), (method, '{"a": 1}'))

api._raise_errors = False
missing = api.make_request("GET", "/spaces/dev/functions/nobody/invoke")
check("unknown function", (missing.status_code, missing.json()),
      (404, {"error": {"status": 404, "message": "function not found"}}))
stranger = API(host=host).set_token("not-the-key")
stranger._raise_errors = False
refused = stranger.make_request("GET", "/spaces/dev/functions/stock/invoke")
check("unknown token", (refused.status_code, refused.json()),
      (401, {"error": {"status": 401, "message": "Unauthenticated"}}))
finish()
