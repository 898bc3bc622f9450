// Node's own HTTP client, and fetch, with bodies that are refused while they are being sent: both get to read why.
import { Agent, request } from "node:http";
import { check } from "./checks.mjs";

const path = "/2021-11-16/functions/echo/invocations";
const headers = { Authorization: `Key ${process.env.STAYPUT_DEV_KEY}` };
const MEBIBYTE = 1024 * 1024;

// The status, or why there is none.
function post(body, { headers: more = {}, agent } = {}) {
  return new Promise((resolve) => {
    const sent = request(process.env.STAYPUT_URL + path, { method: "POST", agent, headers: { ...headers, ...more } });
    sent.on("response", (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
      answer.on("error", (error) => resolve(error.code));
    });
    sent.on("error", (error) => resolve(error.code));
    body(sent);
  });
}

const whole = (bytes) => (sent) => sent.end(Buffer.alloc(bytes, "1"));
const inPieces = (mebibytes) => (sent) => {
  const send = (left) => (left === 0 ? sent.end() : sent.write(Buffer.alloc(MEBIBYTE, "1"), () => send(left - 1)));
  send(mebibytes);
};

check("http: announced and too large", await post(whole(7 * MEBIBYTE)), 413);
check("http: too large, in chunks", await post(inPieces(7)), 413);
const length = { "Content-Length": String(7 * MEBIBYTE) };
check("http: too large, announced, in pieces", await post(inPieces(7), { headers: length }), 413);
const waiting = (sent) => sent.on("continue", () => whole(7 * MEBIBYTE)(sent));
check("http: too large, asking first", await post(waiting, { headers: { ...length, Expect: "100-continue" } }), 413);
const unknown = { Authorization: "Key of-nobody" };
check("http: wrong key and a large body", await post(whole(5 * MEBIBYTE), { headers: unknown }), 401);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const rounds = [];
for (let round = 0; round < 10; round++) {
  rounds.push(await post(whole(7 * MEBIBYTE), { agent }), await post((sent) => sent.end("{}"), { agent }));
}
check("http: the next call on the same agent", rounds, Array(10).fill([413, 200]).flat());
agent.destroy();
const fetched = await fetch(process.env.STAYPUT_URL + path, { method: "POST", headers, body: Buffer.alloc(7 * MEBIBYTE, "1") });
check("fetch: too large", fetched.status, 413);
check("fetch: says why", (await fetched.text()).includes("6291456"), true);
