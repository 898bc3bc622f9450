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
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
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
  const where = `/invocation/${current.id}/response`;
  let answer;
  try {
    if (handler[STREAMS]) {
      await stream(handler, JSON.parse(body), headers, where);
      return;
    }
    answer = serialize(await call(handler, JSON.parse(body), headers));
  } catch (error) {
    await report(error, 'Invoke Error');
    return;
  }
  await post(where, answer, current.headers);
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

// Streaming

/** The mark of a handler that streams: AWS's own, as frameworks look for it. */
const STREAMS = Symbol.for('aws.lambda.runtime.handler.streaming');

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMS] = 'response';
    return handler;
  },
  HttpResponseStream: {
    /** The same stream, which begins with `metadata` (`statusCode`, `headers`, `cookies`) from now on. */
    from(responseStream, metadata) {
      responseStream.setContentType('application/vnd.awslambda.http-integration-response');
      responseStream.prelude = JSON.stringify(metadata) + '\0'.repeat(8);
      return responseStream;
    },
  },
};

/** Ends with the handler and its stream, whichever is later, and once the service has all of it. */
async function stream(handler, event, headers, where) {
  const answer = new ResponseStream(where, current.headers);
  current.answer = answer;
  const whole = finished(answer);
  // Told below, once the handler has ended.
  whole.catch(() => {});
  let onEmptyLoop;
  const emptyLoop = new Promise((_, reject) => {
    const hint = 'the event loop became empty before the response stream was ended';
    onEmptyLoop = () => reject(named('Runtime.NodeJsExit', hint));
    process.once('beforeExit', onEmptyLoop);
  });
  const run = async () => {
    await handler(event, answer, makeContext(headers));
    await whole;
  };
  try {
    await Promise.race([run(), emptyLoop]);
  } finally {
    process.off('beforeExit', onEmptyLoop);
  }
  await answer.settled;
}

/** What a handler writes to. Takes more only as fast as the service does. */
class ResponseStream extends Writable {
  /** What goes out before the first byte. */
  prelude;
  /** When the service has answered. */
  settled;
  #contentType = 'application/octet-stream';
  #headers;
  #outgoing;
  #where;

  constructor(where, headers) {
    super();
    this.#where = where;
    this.#headers = headers;
  }

  setContentType(contentType) {
    if (this.hasBegun) {
      throw named('InvalidStreamingOperation', 'the answer has begun, and with it its content type is said');
    }
    this.#contentType = contentType;
  }

  get hasBegun() {
    return this.#outgoing !== undefined;
  }

  /** Says behind what was written that the rest is missing, and why; of a stream that was ended, nothing is. */
  async fail({ errorType, errorMessage, trace }) {
    if (!this.writableEnded && !this.destroyed) {
      await new Promise((resolve) => this.write(Buffer.alloc(0), resolve));
      this.destroy();
    }
    if (this.destroyed && !this.#outgoing.writableEnded) {
      const told = { errorType: errorType.slice(0, 256), errorMessage: errorMessage.slice(0, 1024), trace };
      const all = JSON.stringify(told);
      const body = all.length > LATE_ERROR_CHARS ? JSON.stringify({ ...told, trace: [] }) : all;
      this.#outgoing.addTrailers({
        'Lambda-Runtime-Function-Error-Type': inHeader(told.errorType),
        'Lambda-Runtime-Function-Error-Body': Buffer.from(body).toString('base64'),
      });
      this.#outgoing.end();
    }
    await this.settled;
  }

  _write(chunk, _encoding, done) {
    // Handed on as long as there is room: what waits here is lost if the handler destroys the stream.
    if (chunk.length === 0 || this.#begun().write(chunk)) {
      done();
    } else {
      this.#outgoing.once('drain', done);
    }
  }

  _final(done) {
    this.#begun().end(done);
  }

  #begun() {
    if (!this.hasBegun) {
      const headers = {
        ...this.#headers,
        'Content-Type': this.#contentType,
        'Lambda-Runtime-Function-Response-Mode': 'streaming',
        Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
        'Transfer-Encoding': 'chunked',
      };
      const { outgoing, answered } = open('POST', this.#where, headers);
      this.#outgoing = outgoing;
      this.settled = answered.then((answer) => {
        // Nobody reads what a handler still writes: the answer was too large, or its time is over.
        if (!this.#outgoing.writableEnded) {
          this.destroy(new Error(`the Runtime API answered ${answer.status} before the stream had ended`));
        }
        check(answer, this.#where);
      });
      this.settled.catch((error) => this.destroy(error));
      if (this.prelude) {
        outgoing.write(this.prelude);
      }
    }
    return this.#outgoing;
  }
}

/** Of a late error's JSON: as base64, it fits with all else into the 16 KiB that servers take of trailers. */
const LATE_ERROR_CHARS = 8192;

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
  if (current?.answer?.hasBegun) {
    await current.answer.fail(description);
    return;
  }
  const where = current ? `/invocation/${current.id}/error` : '/init/error';
  const type = inHeader(description.errorType);
  await post(where, body, { ...current?.headers, 'Lambda-Runtime-Function-Error-Type': type });
}

function inHeader(text) {
  return text.replace(/[^\x20-\x7e]/g, '?');
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
  check(await request('POST', where, body, headers), where);
}

function check(answer, where) {
  // 410: the service gave this attempt up. 413: it has told the caller. Both are no reason to end.
  if (answer.status >= 300 && answer.status !== 410 && answer.status !== 413) {
    throw new Error(`the Runtime API answered ${answer.status} to ${where}: ${answer.body}`);
  }
}

function request(method, where, body, headers) {
  const length = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  const { outgoing, answered } = open(method, where, { ...length, ...headers });
  outgoing.end(body);
  return answered;
}

/** A request whose body is still to be written, and the promise of its whole answer. */
function open(method, where, headers) {
  const outgoing = http.request({ agent, headers, host, method, path: API + where, port });
  const answered = new Promise((resolve, reject) => {
    outgoing.on('response', (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ body: text, headers: incoming.headers, status: incoming.statusCode });
      });
    });
    outgoing.on('error', reject);
  });
  return { outgoing, answered };
}

main().catch((error) => die(error, 1));
