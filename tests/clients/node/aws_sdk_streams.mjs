// @aws-sdk/client-lambda reads streams from the embedded Lambda: long ones, and those that end badly.
import { InvokeWithResponseStreamCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { check } from "./checks.mjs";
import { get, MIB, Pattern, read, Text } from "./streams.mjs";

const client = new LambdaClient({ endpoint: process.env.STAYPUT_LAMBDA_URL, maxAttempts: 1 });
const invoke = (FunctionName, Payload, more) =>
  client.send(new InvokeWithResponseStreamCommand({ FunctionName, Payload, ...more }));
const errorOf = (name, payload) =>
  invoke(name, payload).then(() => "none", (error) => `${error.name} ${error.$metadata.httpStatusCode}`);
const count = (text, of) => text.split(of).length - 1;
const firstBytes = (length) => String.fromCharCode(...Array(length).keys());

async function pattern(name, payload, how) {
  const into = new Pattern();
  const { ends, behind } = await read((await invoke(name, payload)).EventStream, into, how);
  return [into.bytes, into.inOrder, ends.map(told), behind];
}

async function short(name, payload, how) {
  const into = new Text();
  const { ends, behind } = await read((await invoke(name, payload)).EventStream, into, how);
  check(`${name} ${payload.slice(0, 40)}: one end, the last`, [ends.length, behind], [1, 0]);
  return [into, told(ends[0])];
}

/** Without the members that are not there. */
const told = (end) => Object.fromEntries(Object.entries(end).filter(([, value]) => value !== undefined));

for (const size of [0, 1, MIB, 100 * MIB]) {
  const whole = [size, true, [{}], 0];
  check(`stayput-runtime: ${size} bytes`, await pattern("download", get(`bytes=${size}`), { hasHead: true }), whole);
  check(`lambda_runtime: ${size} bytes`, await pattern("stock-stream", `{"bytes":${size}}`, { hasHead: true }), whole);
  check(`node: ${size} bytes`, await pattern("node-stream", `{"bytes":${size}}`), whole);
}

const answer = await invoke("ticker", get("count=3&every=150"));
check("status and version", [answer.StatusCode, answer.ExecutedVersion], [200, "$LATEST"]);
const whole = new Text();
await read(answer.EventStream, whole, { hasHead: true });
check("every tick, and the end", count(whole.text, "data:"), 4);
check("pieces come as they are made", whole.times.at(-1) - whole.times[0] >= 150, true);

{
  const [ticks, end] = await short("ticker", get("count=5&every=1&fail_after=2"), { hasHead: true });
  check("late error: what was before it", count(ticks.text, "data:"), 2);
  const { ErrorCode, ErrorDetails } = end;
  check("late error", [ErrorCode, JSON.parse(ErrorDetails).errorMessage], ["TickerStopped", "stopped as asked, after 2 ticks"]);
}
{
  const [stock, end] = await short("stock-stream", '{"bytes":100,"fail_after":60}', { hasHead: true });
  const text = `${firstBytes(60)}Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n`;
  check("lambda_runtime's late error: bytes, and the text that AWS passes on as well", stock.text.startsWith(text), true);
  check("lambda_runtime's late error", end.ErrorCode, "Runtime.StreamError");
}
{
  const [node, end] = await short("node-stream", '{"bytes":100,"fail_after":60}');
  check("node's late error: bytes", node.text, firstBytes(60));
  check("node's late error", [end.ErrorCode, JSON.parse(end.ErrorDetails).errorMessage], ["MidwayError", "failed midway"]);
}
{
  const error = { errorType: "BadLuck", errorMessage: "not today" };
  const [unlucky, end] = await short("misbehave", JSON.stringify({ do: "fail", error }));
  check("error before the first byte: payload and details", [unlucky.text, end.ErrorDetails].map(JSON.parse), [error, error]);
  check("error before the first byte: code", end.ErrorCode, "Runtime.Unknown");
}
{
  const [, end] = await short("hasty-ticker", get("count=100&every=400"), { hasHead: true });
  check("timeout midway", [end.ErrorCode, end.ErrorDetails.endsWith("Task timed out after 1.00 seconds")], ["Sandbox.Timedout", true]);
}
{
  const [ticks, end] = await short("ticker", get("count=5&every=1&exit_after=2"), { hasHead: true });
  check("exit midway", [count(ticks.text, "data:"), end.ErrorCode], [2, "Runtime.ExitError"]);
}
{
  const [buffered, end] = await short("misbehave", '{"a":1}');
  check("a buffered answer is one piece", [buffered.pieces.map(String), end], [['{"a":1}'], {}]);
}
{
  const { EventStream } = await invoke("misbehave", '{"do":"print","text":"hello\\n"}', { LogType: "Tail" });
  const { ends } = await read(EventStream, new Text());
  const log = Buffer.from(ends[0].LogResult, "base64").toString();
  check("log tail", /^START RequestId: .*\nhello\n(.*\n)*REPORT RequestId: /.test(log), true);
}
const dry = await invoke("ticker", "{}", { InvocationType: "DryRun" });
const { ends } = await read(dry.EventStream ?? [], new Text());
check("dry run", [dry.StatusCode, ends], [204, []]);
check("unknown function", await errorOf("nobody", "{}"), "ResourceNotFoundException 404");
check("bad payload", await errorOf("ticker", "{"), "InvalidRequestContentException 400");
