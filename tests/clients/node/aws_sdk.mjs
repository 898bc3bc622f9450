// @aws-sdk/client-lambda against the embedded Lambda.
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { check } from "./checks.mjs";

const client = new LambdaClient({ endpoint: process.env.STAYPUT_LAMBDA_URL, maxAttempts: 1 });
const invoke = (input) => client.send(new InvokeCommand(input));
const errorOf = (input) => invoke(input).then(() => "none", (error) => `${error.name} ${error.$metadata.httpStatusCode}`);

const answer = await invoke({ FunctionName: "echo", Payload: '{"a":1}', LogType: "Tail" });
check("payload", answer.Payload.transformToString(), '{"a":1}');
check("version", answer.ExecutedVersion, "$LATEST");
check("no function error", answer.FunctionError, undefined);
check("log tail", Buffer.from(answer.LogResult, "base64").toString().startsWith("START RequestId: "), true);
check("request id", /^[0-9a-f-]{36}$/.test(answer.$metadata.requestId), true);

const failed = await invoke({ FunctionName: "fail", Payload: "{}" });
check("function error", [failed.StatusCode, failed.FunctionError], [200, "Unhandled"]);
check("dry run", (await invoke({ FunctionName: "echo", InvocationType: "DryRun" })).StatusCode, 204);
check("unknown function", await errorOf({ FunctionName: "nobody" }), "ResourceNotFoundException 404");
check("bad payload", await errorOf({ FunctionName: "echo", Payload: "{" }), "InvalidRequestContentException 400");
check("both at once", (await Promise.all([1, 2].map((n) => invoke({ FunctionName: "echo", Payload: `${n}` }))))
  .map((each) => each.Payload.transformToString()), ["1", "2"]);
