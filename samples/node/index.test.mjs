// Run with `node --test` in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";

import { handler } from "./index.mjs";

const http = (rawPath, more = {}) => ({ version: "2.0", rawPath, rawQueryString: "", headers: {}, ...more });

async function check(event, text) {
  assert.deepEqual(await handler(event, {}), {
    statusCode: 200,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: text,
  });
}

test("query, path or body name who is greeted", async () => {
  await check(http("/", { queryStringParameters: { name: "Ada" } }), "Hello, Ada!\n");
  await check(http("/Ada%20L"), "Hello, Ada L!\n");
  await check(http("/100%"), "Hello, 100%!\n");
  await check(http("/", { body: "Ada\n", isBase64Encoded: false }), "Hello, Ada!\n");
  const encoded = Buffer.from("Löve").toString("base64");
  await check(http("/", { body: encoded, isBase64Encoded: true }), "Hello, Löve!\n");
  await check(http("/"), "Hello, World!\n");
});

test("a bare event gets a bare answer", async () => {
  assert.deepEqual(await handler({ name: "Ada" }, {}), { greeting: "Hello, Ada!" });
  assert.deepEqual(await handler(null, {}), { greeting: "Hello, World!" });
});
