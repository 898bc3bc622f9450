// @aws-sdk/client-lambda over every call of Lambda's asynchronous side, against the embedded Lambda. The configuration that it
// changes is that of `sleep`, which no other client calls asynchronously.
import {
  DeleteFunctionEventInvokeConfigCommand, GetFunctionEventInvokeConfigCommand, GetFunctionRecursionConfigCommand,
  InvokeAsyncCommand, InvokeCommand, LambdaClient, ListFunctionEventInvokeConfigsCommand,
  PutFunctionEventInvokeConfigCommand, PutFunctionRecursionConfigCommand, UpdateFunctionEventInvokeConfigCommand,
  paginateListFunctionEventInvokeConfigs,
} from "@aws-sdk/client-lambda";
import { check } from "./checks.mjs";

const client = new LambdaClient({ endpoint: process.env.STAYPUT_LAMBDA_URL, maxAttempts: 1 });
const send = (Command, input) => client.send(new Command(input));
// What is said, to the letter; `start`: only how it begins.
const refused = async (name, Command, input, expected, start = false) => {
  const told = await send(Command, input).then(() => "no error", (error) =>
    `${error.$metadata.httpStatusCode} ${error.name}: ${error.message}`);
  check(name, start ? told.slice(0, expected.length) : told, expected);
};
const config = ({ LastModified, $metadata, ...rest }) => {
  check("it says when it was changed", Math.abs(Date.now() - LastModified.getTime()) < 3_600_000, true);
  return rest;
};

const PREFIX = "arn:aws:lambda:us-east-1:000000000000:function:";
const FunctionArn = `${PREFIX}sleep:$LATEST`;
const FunctionName = "sleep";
const EMPTY = { OnSuccess: {}, OnFailure: {} };

// Event-invoke-config.
check("put", config(await send(PutFunctionEventInvokeConfigCommand, { FunctionName, MaximumRetryAttempts: 0 })),
  { FunctionArn, MaximumRetryAttempts: 0, DestinationConfig: EMPTY });
const DestinationConfig = { OnSuccess: {}, OnFailure: { Destination: `${PREFIX}echo` } };
check("update changes what it names",
  config(await send(UpdateFunctionEventInvokeConfigCommand, { FunctionName, DestinationConfig })),
  { FunctionArn, MaximumRetryAttempts: 0, DestinationConfig });
check("put replaces",
  config(await send(PutFunctionEventInvokeConfigCommand, { FunctionName, MaximumEventAgeInSeconds: 60 })),
  { FunctionArn, MaximumEventAgeInSeconds: 60, DestinationConfig: EMPTY });
check("get", config(await send(GetFunctionEventInvokeConfigCommand, { FunctionName, Qualifier: "$LATEST" })),
  { FunctionArn, MaximumEventAgeInSeconds: 60, DestinationConfig: EMPTY });
const pages = [];
for await (const page of paginateListFunctionEventInvokeConfigs({ client, pageSize: 1 }, { FunctionName })) {
  pages.push(page.FunctionEventInvokeConfigs.map(config));
}
check("pages", pages, [[{ FunctionArn, MaximumEventAgeInSeconds: 60, DestinationConfig: EMPTY }]]);

const none = (arn) => `404 ResourceNotFoundException: The function ${arn} doesn't have an EventInvokeConfig`;
const missing = "404 ResourceNotFoundException: The function doesn't exist.";
for (const Command of [PutFunctionEventInvokeConfigCommand, UpdateFunctionEventInvokeConfigCommand]) {
  await refused(`${Command.name} without a setting`, Command, { FunctionName: "nobody" },
    "400 InvalidParameterValueException: You must specify at least one of error handling or destination setting.");
  await refused(`${Command.name} for an unknown function`, Command, { FunctionName: "nobody", MaximumRetryAttempts: 0 }, missing);
}
await refused("list of an unknown function", ListFunctionEventInvokeConfigsCommand, { FunctionName: "nobody" }, missing);
for (const Command of [GetFunctionEventInvokeConfigCommand, DeleteFunctionEventInvokeConfigCommand]) {
  await refused(`${Command.name} for an unknown alias`, Command, { FunctionName, Qualifier: "live" }, none(`${PREFIX}sleep:live`));
}
await refused("destination: the function itself", PutFunctionEventInvokeConfigCommand,
  { FunctionName, DestinationConfig: { OnFailure: { Destination: `${PREFIX}sleep` } } },
  "400 InvalidParameterValueException: You can't specify the function as a destination for itself.");
await refused("destination: no ARN", PutFunctionEventInvokeConfigCommand,
  { FunctionName, DestinationConfig: { OnFailure: { Destination: "invalid" } } },
  "400 ValidationException: 1 validation error detected: Value 'invalid' at 'destinationConfig.onFailure.destination' " +
  "failed to satisfy constraint: Member must satisfy regular expression pattern: ", true);
await refused("retries over the limit", PutFunctionEventInvokeConfigCommand, { FunctionName, MaximumRetryAttempts: 3 },
  "400 ValidationException: 1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: " +
  "Member must have value less than or equal to 2");
check("delete", (await send(DeleteFunctionEventInvokeConfigCommand, { FunctionName })).$metadata.httpStatusCode, 204);
await refused("get after it was deleted", GetFunctionEventInvokeConfigCommand, { FunctionName }, none(FunctionArn));
await refused("update after it was deleted", UpdateFunctionEventInvokeConfigCommand, { FunctionName, MaximumRetryAttempts: 0 },
  none(FunctionArn));

// Recursion config.
const loop = async (RecursiveLoop) => (await send(PutFunctionRecursionConfigCommand, { FunctionName, RecursiveLoop })).RecursiveLoop;
check("loop: allowed", await loop("Allow"), "Allow");
check("loop: it is kept", (await send(GetFunctionRecursionConfigCommand, { FunctionName })).RecursiveLoop, "Allow");
check("loop: ended again", await loop("Terminate"), "Terminate");
await refused("loop: neither", PutFunctionRecursionConfigCommand, { FunctionName, RecursiveLoop: "Sometimes" },
  "400 ValidationException: 1 validation error detected: Value 'Sometimes' at 'recursiveLoop' failed to satisfy constraint: " +
  "Member must satisfy enum value set: [Terminate, Allow]");
await refused("loop: unknown function", GetFunctionRecursionConfigCommand, { FunctionName: "nobody" },
  `404 ResourceNotFoundException: Function not found: ${PREFIX}nobody`);

// Invoke with InvocationType=Event, and InvokeAsync.
const event = (input) => ({ FunctionName: "echo", InvocationType: "Event", ...input });
const accepted = await send(InvokeCommand, event({ Payload: '{"a":1}' }));
check("event: accepted", [accepted.StatusCode, accepted.Payload?.length ?? 0, accepted.FunctionError], [202, 0, undefined]);
check("event: a request id", /^[0-9a-f-]{36}$/.test(accepted.$metadata.requestId), true);
const largest = `"${"x".repeat(1_048_574)}"`;
check("event: a mebibyte", (await send(InvokeCommand, event({ Payload: largest }))).StatusCode, 202);
await refused("event: a byte more", InvokeCommand, event({ Payload: `${largest} ` }),
  "413 RequestEntityTooLargeException: 1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)");
await refused("event: unknown function", InvokeCommand, event({ FunctionName: "nobody" }),
  `404 ResourceNotFoundException: Function not found: ${PREFIX}nobody:$LATEST`);
await refused("event: no JSON", InvokeCommand, event({ Payload: "{" }),
  "400 InvalidRequestContentException: Could not parse request body into json: Could not parse payload into json: ", true);
const deprecated = await send(InvokeAsyncCommand, { FunctionName: "echo", InvokeArgs: '{"b":2}' });
check("invoke-async: accepted", deprecated.Status, 202);
await refused("invoke-async: over its limit", InvokeAsyncCommand,
  { FunctionName: "echo", InvokeArgs: `"${"x".repeat(262_143)}"` },
  "413 RequestEntityTooLargeException: 262145 byte payload is too large for the Event invocation type (limit 262144 bytes)");
