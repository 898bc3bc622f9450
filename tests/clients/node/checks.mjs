// A line for each thing that is checked; the exit status at the end.
import { isDeepStrictEqual } from "node:util";

export function check(name, got, expected) {
  if (isDeepStrictEqual(got, expected)) {
    console.log(`ok ${name}`);
  } else {
    process.exitCode = 1;
    console.log(`FAIL ${name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
  }
}
