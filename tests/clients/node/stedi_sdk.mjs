// Stedi's own SDK. Given AWS credentials it signs Lambda calls; its requestHandler is where they are sent elsewhere.
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { FunctionsClient, InvokeFunctionCommand } from "@stedi/sdk-client-functions";
import { check } from "./checks.mjs";

const lambda = new URL(process.env.STAYPUT_LAMBDA_URL);

class Reroute extends NodeHttpHandler {
  handle(request, options) {
    Object.assign(request, { protocol: lambda.protocol, hostname: lambda.hostname, port: Number(lambda.port) });
    return super.handle(request, options);
  }
}

const client = new FunctionsClient({
  region: "us",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "not-a-secret" },
  requestHandler: new Reroute(),
});
const invoke = (input) => client.send(new InvokeFunctionCommand(input));

const answer = await invoke({ functionName: "echo", payload: { message: "Hello, world!" } });
check("payload", answer.payload, { message: "Hello, world!" });
check("log tail is decoded", answer.logTail?.includes("START RequestId: "), true);
check("invocation id", /^[0-9a-f-]{36}$/.test(answer.invocationId), true);
const failed = await invoke({ functionName: "fail", payload: {} });
check("function error", failed.error !== undefined, true);
const missing = await invoke({ functionName: "nobody", payload: {} }).then(() => "none", (error) => error.name);
check("unknown function", missing, "ResourceNotFoundException");
