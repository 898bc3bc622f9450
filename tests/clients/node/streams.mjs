// A stream of InvokeWithResponseStream, read event by event: what is compared of it, and never the whole of it kept.
import { readFileSync } from "node:fs";

const EVENT = JSON.parse(readFileSync(new URL("./http_event.json", import.meta.url)));
const HEAD_END = Buffer.alloc(8);
export const MIB = 1024 * 1024;

const PERIOD = 251;
// Long enough that a piece of any length is found in it, from any offset.
const PATTERN = Buffer.from(Array.from({ length: MIB + 2 * PERIOD }, (_, at) => at % PERIOD));

/** The event of `GET /?query`, as function URLs send it. */
export const get = (query) => JSON.stringify({ ...EVENT, rawQueryString: query });

/** Counts bytes, and looks whether the one at offset `n` is `n` modulo 251. */
export class Pattern {
  bytes = 0;
  inOrder = true;

  take(piece) {
    for (let start = 0; start < piece.length; start += MIB) {
      const part = piece.subarray(start, start + MIB);
      const first = this.bytes % PERIOD;
      this.inOrder &&= PATTERN.subarray(first, first + part.length).equals(part);
      this.bytes += part.length;
    }
  }
}

/** Keeps it all, and when each piece came: for short ones. */
export class Text {
  pieces = [];
  times = [];

  take(piece) {
    this.pieces.push(piece);
    this.times.push(performance.now());
  }

  get text() {
    return Buffer.concat(this.pieces).toString();
  }
}

/** Hands payload to `into`; `hasHead`: what is behind the eight NULs. Gives all the ends, and what came behind one. */
export async function read(events, into, { hasHead = false } = {}) {
  const ends = [];
  let behind = 0;
  let head = Buffer.alloc(0);
  for await (const event of events) {
    behind += ends.length;
    if (event.InvokeComplete) {
      ends.push(event.InvokeComplete);
      continue;
    }
    let piece = Buffer.from(event.PayloadChunk.Payload);
    if (hasHead) {
      head = Buffer.concat([head, piece]);
      const at = head.indexOf(HEAD_END);
      hasHead = at < 0;
      piece = hasHead ? Buffer.alloc(0) : head.subarray(at + HEAD_END.length);
    }
    if (piece.length > 0) {
      into.take(piece);
    }
  }
  return { ends, behind };
}
