// Runs one Node.js function: asks the Lambda Runtime API for events, calls the handler, posts what comes of it.
//
//   node node_runtime.mjs <file.export>
//
// Nothing but Node itself is needed. Shapes of errors and the order in which files are looked for are those of
// Lambda's managed Node.js runtimes.

import { existsSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { format } from 'node:util';
import { pathToFileURL } from 'node:url';

const API = '/2018-06-01/runtime';
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
// One connection, kept: the loop asks one thing at a time.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** The latest invocation; none while the function starts. */
let current;
/** Between invocations there is nobody whom an error could be told. */
let isWaiting = false;

async function main() {
  printWithRequestId();
  process.on('uncaughtException', (error) => die(error, 129));
  process.on('unhandledRejection', (reason) => {
    die(named('Runtime.UnhandledPromiseRejection', format(reason), reason?.stack), 128);
  });
  const handler = await load(process.argv[2] ?? process.env._HANDLER, process.env.LAMBDA_TASK_ROOT ?? process.cwd());
  for (;;) {
    await answerOne(handler);
  }
}

async function answerOne(handler) {
  isWaiting = true;
  const { headers, body } = await request('GET', '/invocation/next');
  isWaiting = false;
  const attempt = headers['lambda-runtime-invocation-id'];
  current = {
    id: headers['lambda-runtime-aws-request-id'],
    // Named only if given: older services do not send it.
    headers: attempt ? { 'Lambda-Runtime-Invocation-Id': attempt } : {},
  };
  if (headers['lambda-runtime-trace-id']) {
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  }
  let answer;
  try {
    answer = serialize(await call(handler, JSON.parse(body), headers));
  } catch (error) {
    await report(error, 'Invoke Error');
    return;
  }
  await post(`/invocation/${current.id}/response`, answer, current.headers);
}

// Loading

/** `folder/file.export.inner`: the file lies under `root`, the export may be nested. */
async function load(name, root) {
  const base = path.basename(name);
  const dot = base.indexOf('.');
  if (dot < 1 || name.includes('..')) {
    throw named('Runtime.MalformedHandlerName', `Bad handler ${name}: write it as file.export`);
  }
  const module = path.join(path.dirname(name), base.slice(0, dot));
  const exports = await importModule(path.resolve(root, module), module, root);
  const inner = base.slice(dot + 1).split('.');
  // What CommonJS computes at run time is seen on the default export only.
  const handler = dig(exports, inner) ?? dig(exports.default, inner);
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', `${name} is ${handler === undefined ? 'undefined or not exported' : 'not a function'}`);
  }
  return handler;
}

async function importModule(file, module, root) {
  const found = ['.js', '.mjs', '.cjs'].map((end) => file + end).find((name) => existsSync(name));
  try {
    return await import(pathToFileURL(found ?? createRequire(path.join(root, 'root.js')).resolve(`./${module}`)));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw named('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`, error.stack);
    }
    if (error?.code === 'ERR_MODULE_NOT_FOUND' || error?.code === 'MODULE_NOT_FOUND') {
      throw named('Runtime.ImportModuleError', `Error: ${error.message}`, error.stack);
    }
    throw error;
  }
}

function dig(exports, names) {
  return names.reduce((value, name) => value?.[name], exports);
}

// Calling

/** Settles with the handler's result, however it gives it: promise, callback or `context.done`. */
function call(handler, event, headers) {
  const context = makeContext(headers);
  let onEmptyLoop;
  const whenLoopIsEmpty = (listener) => {
    process.off('beforeExit', onEmptyLoop ?? listener);
    onEmptyLoop = listener;
    process.once('beforeExit', listener);
  };
  const result = new Promise((resolve, reject) => {
    const settle = (error, value) => {
      const finish = () => (error === undefined || error === null ? resolve(value) : reject(error));
      return context.callbackWaitsForEmptyEventLoop ? whenLoopIsEmpty(finish) : finish();
    };
    context.done = settle;
    context.succeed = (value) => settle(null, value);
    context.fail = (error) => settle(error ?? 'handled');
    whenLoopIsEmpty(() => resolve(null));
    const returned = handler(event, context, settle);
    if (typeof returned?.then === 'function') {
      const hint = "the event loop became empty while the handler's promise was still pending";
      whenLoopIsEmpty(() => reject(named('Runtime.NodeJsExit', hint)));
      returned.then(resolve, reject);
    }
  });
  return result.finally(() => process.off('beforeExit', onEmptyLoop));
}

function makeContext(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const json = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    clientContext: json('lambda-runtime-client-context'),
    identity: json('lambda-runtime-cognito-identity'),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function serialize(value) {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    throw new Error(`Unable to stringify response body: ${error.message}`);
  }
}

// Errors

function named(name, message, stack) {
  const error = new Error(message);
  error.name = name;
  error.stack = stack ?? `${name}: ${message}`;
  return error;
}

function describe(error) {
  if (error instanceof Error || (error?.name && error?.message)) {
    const trace = String(error.stack ?? '').split('\n');
    return { errorType: String(error.name), errorMessage: String(error.message), trace };
  }
  return { errorType: typeof error, errorMessage: format(error), trace: [] };
}

/** Tells the terminal and the service; before the first invocation it is the start that failed. */
async function report(error, what) {
  const description = describe(error);
  const body = JSON.stringify(description);
  console.error(`${what} \t${body}`);
  if (isWaiting) {
    return;
  }
  const where = current ? `/invocation/${current.id}/error` : '/init/error';
  const type = description.errorType.replace(/[^\x20-\x7e]/g, '?');
  await post(where, body, { ...current?.headers, 'Lambda-Runtime-Function-Error-Type': type });
}

/** A state that nobody can go on from: say so, then end. */
async function die(error, status) {
  try {
    await report(error, current ? 'Uncaught Exception' : 'Init Error');
  } finally {
    process.exit(status);
  }
}

// Logs

/** `time TAB request id TAB level TAB text`, one line each, as Lambda's text format is. */
function printWithRequestId() {
  const levels = { debug: 'DEBUG', error: 'ERROR', info: 'INFO', log: 'INFO', trace: 'TRACE', warn: 'WARN' };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...values) => {
      const text = format(...values).replaceAll('\n', '\r');
      process.stdout.write(`${new Date().toISOString()}\t${current?.id ?? 'undefined'}\t${level}\t${text}\n`);
    };
  }
}

// HTTP

async function post(where, body, headers) {
  const answer = await request('POST', where, body, headers);
  // 410: the service gave this attempt up. 413: it has told the caller. Both are no reason to end.
  if (answer.status >= 300 && answer.status !== 410 && answer.status !== 413) {
    throw new Error(`the Runtime API answered ${answer.status} to ${where}: ${answer.body}`);
  }
}

function request(method, where, body, headers) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const options = { agent, headers: { ...length, ...headers }, host, method, path: API + where, port };
    const outgoing = http.request(options, (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ body: text, headers: incoming.headers, status: incoming.statusCode });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

main().catch((error) => die(error, 1));
