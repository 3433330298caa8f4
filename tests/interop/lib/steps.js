// A script is a list of steps. Each one prints a line of JSON; the script fails when one of them did.

import { readFileSync } from "node:fs";

import { App } from "./app.js";

/** Runs `script` with an app that stands in front of the server which the first argument describes. */
export async function run(script) {
  // A server that does not answer must not hold the tests up.
  setTimeout(() => finish(`not done within ${LIMIT / 1000} s`), LIMIT).unref();
  try {
    const app = await App.start(JSON.parse(readFileSync(process.argv[2], "utf8")));
    await script(app, step);
    finish();
  } catch (error) {
    finish(describe(error));
  }
}

/** A condition of a step. */
export function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

/** Two values that must be the same. */
export function expectEqual(found, expected, what) {
  expect(Object.is(found, expected), `${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

/** The error that `action` must fail with. */
export async function failure(action) {
  let value;
  try {
    value = await action();
  } catch (error) {
    return error;
  }
  throw new Error(`it succeeded: ${JSON.stringify(value)}`);
}

// What a step returns is its detail: how the server answered, in words.
async function step(name, action) {
  try {
    print(name, true, (await action()) ?? "");
  } catch (error) {
    print(name, false, describe(error));
  }
}

function describe(error) {
  const parts = [error?.message ?? String(error)];
  if (error?.error) parts.push(`${error.error}: ${error.error_description ?? ""}`);
  if (error?.cause?.message) parts.push(error.cause.message);
  else if (error?.cause && !(error.cause instanceof Response)) parts.push(JSON.stringify(error.cause));
  return parts.join(" | ");
}

function print(name, ok, detail) {
  failed ||= !ok;
  process.stdout.write(`${JSON.stringify({ step: name, ok, detail })}\n`);
}

function finish(trouble) {
  if (trouble) print("the script ends", false, trouble);
  // Connections that are kept alive would keep the process alive too.
  process.exit(failed ? 1 : 0);
}

let failed = false;

const LIMIT = 120_000;
