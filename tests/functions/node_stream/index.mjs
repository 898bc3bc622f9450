// Streams with `awslambda.streamifyResponse`, as functions do that know nothing of Stayput. The event says what, or the
// body of the HTTP request that it is, which is answered with status and headers before the stream:
//
// | event | what it does |
// |---|---|
// | `{"bytes":5}` | streams that many bytes; the one at offset `n` is `n` modulo 251 |
// | `{"bytes":5,"fail_after":3}` | streams only so many of them, and then fails; with 0, before it has begun |

import { once } from "node:events";

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const isHttp = typeof event.body === "string";
  const { bytes, fail_after: failAfter } = isHttp ? JSON.parse(event.body) : event;
  const head = { statusCode: 200, headers: { "content-type": "application/octet-stream" } };
  const out = isHttp ? awslambda.HttpResponseStream.from(stream, head) : stream;
  for (let left = Math.min(bytes, failAfter ?? bytes); left > 0; left -= BLOCK.length) {
    if (!out.write(BLOCK.subarray(0, left))) {
      await once(out, "drain");
    }
  }
  if (failAfter !== undefined) {
    throw new MidwayError("failed midway");
  }
  out.end();
});

class MidwayError extends Error {
  name = "MidwayError";
}

const PERIOD = 251;

// Whole periods, so that each piece begins with one.
const BLOCK = Buffer.from(Array.from({ length: PERIOD * 256 }, (_, at) => at % PERIOD));
