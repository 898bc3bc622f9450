// What durable functions are written for, each in a few lines with AWS's SDK: the event's `shape` says which one runs.
//
// `handler` is durable; `plain` is a function as any other, for `handler` to invoke. ../durable_python/app.py has the same ones.
import {
  CallbackExternalError, CallbackTimeoutError, ChildContextError, InvokeError, JitterStrategy, StepError, StepSemantics,
  createRetryStrategy, withDurableExecution,
} from "@aws/durable-execution-sdk-js";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const SECOND = { seconds: 1 };
const ONCE = { retryStrategy: () => ({ shouldRetry: false }) };

class OutOfStock extends Error {
  name = "OutOfStock";
}

const fail = async () => {
  throw new OutOfStock("none left");
};

// What `work` gives, or what `tell` makes of an error of that `kind`.
const caught = async (kind, work, tell) => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof kind) {
      return tell(error);
    }
    throw error;
  }
};

const SHAPES = {
  step: (event, context) => context.step("double", async () => event.number * 2),

  // Values of every sort, and a result that is built from what was recorded.
  async steps(event, context) {
    const values = [];
    for (const [at, value] of event.values.entries()) {
      values.push(await context.step(`value-${at}`, async () => value));
    }
    await context.wait("pause", SECOND);
    return values;
  },

  async wait(_, context) {
    await context.wait("pause", SECOND);
    return "awake";
  },

  retry(_, context) {
    const flaky = async ({ attempt }) => {
      if (attempt < 3) {
        throw new OutOfStock(`attempt ${attempt}`);
      }
      return attempt;
    };
    const delays = { initialDelay: SECOND, backoffRate: 1, jitter: JitterStrategy.NONE };
    return context.step("flaky", flaky, { retryStrategy: createRetryStrategy(delays) });
  },

  exhausted(_, context) {
    const twice = (_, attempt) => ({ shouldRetry: attempt < 2, delay: SECOND });
    return caught(StepError, () => context.step("in-vain", fail, { retryStrategy: twice }), (error) => ({
      type: error.cause.name,
      message: error.message,
    }));
  },

  async callback(event, context) {
    const seconds = (key) => key in event ? { seconds: event[key] } : undefined;
    const [pending] = await context.createCallback("approval", {
      timeout: seconds("timeout"), heartbeatTimeout: seconds("heartbeat_timeout"),
    });
    return caught(CallbackTimeoutError, () =>
      caught(CallbackExternalError, async () => ({ got: await pending }), (error) => ({ failed: error.message })),
    () => ({ late: true }));
  },

  // Whoever is to call back is told by a file.
  async wait_for_callback(event, context) {
    return { got: await context.waitForCallback("approval", async (id) => writeFileSync(event.file, id)) };
  },

  child(event, context) {
    return context.runInChildContext("order", async (inner) => {
      const price = await inner.step("price", async () => 20);
      await inner.wait("pause", SECOND);
      return inner.step("total", async () => price * event.count);
    });
  },

  child_fails(_, context) {
    const order = (inner) => inner.step("take", fail, ONCE);
    return caught(ChildContextError, () => context.runInChildContext("order", order), ({ message }) => ({ message }));
  },

  async parallel(_, context) {
    const branch = (seconds) => async (inner) => {
      await inner.wait(`pause-${seconds}`, { seconds });
      return inner.step(`done-${seconds}`, async () => seconds);
    };
    return (await context.parallel("together", [branch(2), branch(1), async () => 0])).getResults();
  },

  // Whoever is first ends it; what the other waits for stays behind.
  async first(_, context) {
    const branch = (seconds) => async (inner) => {
      await inner.wait(`pause-${seconds}`, { seconds });
      return seconds;
    };
    const race = await context.parallel("race", [branch(100), branch(1)], { completionConfig: { minSuccessful: 1 } });
    await context.wait("pause", SECOND);
    return race.getResults();
  },

  async map_each(event, context) {
    const square = (inner, number, index) => inner.step(`square-${index}`, async () => number * number);
    return (await context.map("squares", event.numbers, square, { maxConcurrency: 2 })).getResults();
  },

  async map_fails(event, context) {
    const oddOnly = (inner, number) => inner.step("odd", number % 2 === 0 ? fail : async () => number, ONCE);
    const done = await context.map("odds", event.numbers, oddOnly, { completionConfig: { toleratedFailurePercentage: 100 } });
    return { results: done.getResults(), failed: done.failureCount };
  },

  invoke(event, context) {
    const other = async () => ({ got: await context.invoke("other", event.target, event.payload) });
    return caught(InvokeError, other, ({ cause, message }) => ({ type: cause?.name, message }));
  },

  fan_out(event, context) {
    return context.promise.all("others", event.numbers.map((number) =>
      context.invoke("other", event.target, { shape: "step", number })));
  },

  condition(event, context) {
    return context.waitForCondition("counted", async (state) => state + 1, {
      initialState: 0,
      waitStrategy: (state) => state >= event.until ? { shouldContinue: false } : { shouldContinue: true, delay: SECOND },
    });
  },

  // The first process that comes to the second step kills itself within it.
  async killed(event, context) {
    const first = await context.step("first", async () => process.pid);
    const second = await context.step("second", async () => dieOnce(event.file));
    return { another: first !== second };
  },

  // Likewise, in a step that must not run twice for one attempt.
  killed_at_most_once(event, context) {
    const once = { semantics: StepSemantics.AtMostOncePerRetry, ...ONCE };
    return caught(StepError, () => context.step("once", async () => dieOnce(event.file), once), () => ({ interrupted: true }));
  },

  // A step that takes a while the first time.
  slow: async (event, context) => ({ done: await context.step("slow", () => slowOnce(event.file)) }),

  // Many operations, each with a result, so that the state does not come in one piece.
  async large(event, context) {
    let sum = 0;
    for (let at = 0; at < event.parts; at++) {
      sum += (await context.step(`part-${at}`, async () => "x".repeat(event.bytes))).length;
    }
    await context.wait("pause", SECOND);
    return sum;
  },

  // A child context whose result is too large to be recorded: what it did is looked at again.
  async large_child(event, context) {
    const done = await context.runInChildContext("parts", async (inner) => {
      const parts = [];
      for (let at = 0; at < event.parts; at++) {
        parts.push(await inner.step(`part-${at}`, async () => "x".repeat(event.bytes)));
      }
      return parts;
    });
    await context.wait("pause", SECOND);
    return done.join("").length;
  },

  large_result: async (event) => "x".repeat(event.bytes),

  async unhandled(_, context) {
    await context.step("before", async () => 1);
    throw new OutOfStock("nobody catches this");
  },
};

function dieOnce(file) {
  if (!existsSync(file)) {
    writeFileSync(file, "");
    process.kill(process.pid, "SIGKILL");
  }
  return process.pid;
}

async function slowOnce(file) {
  if (!existsSync(file)) {
    writeFileSync(file, "");
    await setTimeout(30_000);
  }
  return true;
}

export const handler = withDurableExecution((event, context) => SHAPES[event.shape](event, context));

export const plain = async (event) => {
  if (event.fail) {
    throw new OutOfStock("plainly");
  }
  if ("file" in event) {
    await slowOnce(event.file);
  }
  return { plain: event.number };
};
