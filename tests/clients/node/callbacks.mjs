// The callbacks that callbacks.py has received, verified by Standard Webhooks' own library.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { check } from "./checks.mjs";

const { secret, callbacks } = JSON.parse(readFileSync("target/clients/callbacks.json", "utf8"));
const verified = (body, headers) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    // Verified, and then not read as JSON, which these bodies are not.
    return error instanceof SyntaxError;
  }
};
for (const { dialect, headers, body } of callbacks) {
  check(`${dialect}: verified`, verified(body, headers), true);
  check(`${dialect}: another body`, verified(`${body}x`, headers), false);
}
