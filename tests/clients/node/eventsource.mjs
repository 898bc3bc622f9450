// The package `eventsource` reads the ticker: through the gateway with its dialects' credentials, and at a function URL.
import { EventSource } from "eventsource";
import { check } from "./checks.mjs";

const { STAYPUT_URL, STAYPUT_LAMBDA_URL, STAYPUT_DEV_KEY } = process.env;
const EVERY_MS = 150;

/** Reads until `end`, or until the source gives up. What it asked, and what came when. */
function listen(url, headers = {}) {
  const seen = { opens: 0, errors: [], ticks: [], ids: [], times: [], lastEventIds: [] };
  const source = new EventSource(url, {
    fetch: (input, init) => {
      seen.lastEventIds.push(init.headers["Last-Event-ID"]);
      return fetch(input, { ...init, headers: { ...init.headers, ...headers } });
    },
  });
  seen.source = source;
  return new Promise((resolve) => {
    source.onopen = () => (seen.opens += 1);
    source.onmessage = ({ data, lastEventId }) => {
      seen.ticks.push(JSON.parse(data).tick);
      seen.ids.push(lastEventId);
      seen.times.push(performance.now());
    };
    source.onerror = ({ code }) => {
      seen.errors.push(code);
      if (source.readyState === EventSource.CLOSED) {
        resolve(seen);
      }
    };
    source.addEventListener("end", ({ data, lastEventId }) => {
      seen.end = [JSON.parse(data), lastEventId, performance.now()];
      source.close();
      resolve(seen);
    });
  });
}

const routes = {
  openfaas: [`${STAYPUT_URL}/function/ticker`],
  altair: [`${STAYPUT_URL}/spaces/dev/functions/ticker/invoke`, { Authorization: `Bearer ${STAYPUT_DEV_KEY}` }],
  url: [`${STAYPUT_LAMBDA_URL}/lambda-url/ticker/`],
};
const sources = [];
for (const [name, [url, headers]] of Object.entries(routes)) {
  const seen = await listen(`${url}?count=4&every=${EVERY_MS}`, headers);
  sources.push([name, seen]);
  check(`${name}: ticks`, [seen.ticks, seen.ids], [[1, 2, 3, 4], ["1", "2", "3", "4"]]);
  check(`${name}: the end`, seen.end.slice(0, 2), [{ of: 4 }, "4"]);
  check(`${name}: ticks come as they are made`, seen.times[3] - seen.times[0] >= 2 * EVERY_MS, true);
  check(`${name}: the first is here long before the end`, seen.end[2] - seen.times[0] >= 2 * EVERY_MS, true);
}

// The ticker has its reader wait 1 s, longer than which the sources above have been closed after this.
for (const [name, [url, headers]] of Object.entries(routes)) {
  const seen = await listen(`${url}?count=4&every=1&fail_after=2`, headers);
  check(`${name}: after a break it comes again and goes on where it was`, [seen.ticks, seen.ids], [[1, 2, 3, 4], ["1", "2", "3", "4"]]);
  check(`${name}: and says where that was`, seen.lastEventIds, [undefined, "2"]);
  check(`${name}: one break`, [seen.opens, seen.errors], [2, [undefined]]);
}
for (const [name, { source, opens, errors, lastEventIds }] of sources) {
  check(`${name}: after the end it does not come again`, [opens, errors, lastEventIds], [1, [], [undefined]]);
  check(`${name}: it is closed`, source.readyState, EventSource.CLOSED);
}

const refused = await listen(`${routes.openfaas[0]}?count=0`);
check("a refusal is final", [refused.errors, refused.ticks], [[400], []]);
const nobody = await listen(routes.altair[0]);
check("so is a missing credential", [nobody.errors, nobody.opens], [[401], 0]);
