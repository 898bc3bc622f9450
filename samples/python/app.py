"""An HTTP function in Python: greets whom the query, the path or the body names, as the `hello` sample does.

Plain standard library; the handler is `app.handler`. A bare event, as Stedi's callers send it, may be
`{"name": "Ada"}` and is answered with a bare greeting.
"""

import base64
from urllib.parse import unquote

JSON = dict | list | str | int | float | bool | None


def handler(event: JSON, context: object) -> JSON:
    if not isinstance(event, dict) or "rawPath" not in event:
        return {"greeting": greeting(event.get("name") if isinstance(event, dict) else None)}
    query = event.get("queryStringParameters") or {}
    path = unquote(event["rawPath"]).strip("/")
    return {
        "statusCode": 200,
        "headers": {"content-type": "text/plain; charset=utf-8"},
        "body": greeting(query.get("name") or path or body(event)) + "\n",
    }


def greeting(name: str | None) -> str:
    return f"Hello, {name or 'World'}!"


def body(event: dict) -> str:
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode(errors="replace")
    return text.strip()
