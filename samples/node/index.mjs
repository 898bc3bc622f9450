// An HTTP function for Node.js: greets whom the query, the path or the body names, as the `hello` sample does.
//
// No packages; the handler is `index.handler`. A bare event, as Stedi's callers send it, may be {"name": "Ada"} and is
// answered with a bare greeting.

export async function handler(event, context) {
  if (typeof event?.rawPath !== "string") {
    return { greeting: greeting(event?.name) };
  }
  const path = decode(event.rawPath).replace(/^\/+|\/+$/g, "");
  return {
    statusCode: 200,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: `${greeting(event.queryStringParameters?.name || path || body(event))}\n`,
  };
}

function greeting(name) {
  return `Hello, ${name || "World"}!`;
}

function body(event) {
  const text = event.body ?? "";
  return (event.isBase64Encoded ? Buffer.from(text, "base64").toString() : text).trim();
}

// `decodeURIComponent` throws where a percent sign begins nothing.
function decode(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
