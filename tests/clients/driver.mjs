// Walks the steps of a plan with the library for Node, and says what came of each, one JSON object a line.

import { readFileSync } from "node:fs";
import { createServer, request as send } from "node:http";

import { Api, CallRefused, Refused, Unavailable, Verifier, isBound } from "./holdfast.js";

const plan = JSON.parse(readFileSync(process.argv[2]));
const { api, origin } = plan;
const verifier = new Verifier({ api, origin });
const holdfast = new Api({ api: plan.internal, token: plan.token });

// jose measures the age of keys with Date.now; whether a token has expired, with new Date.
let later = 0;
const now = Date.now;
Date.now = () => now() + later;

const steps = {
  verify: async ({ assertion, method, path }) => outcome(async () => (await verifier.verify(assertion, method, path)).sub),
  level: async ({ assertion, method, path, level }) => {
    return String(isBound(await verifier.verify(assertion, method, path), level));
  },
  async guard({ assertions, method, target }) {
    const guard = verifier.middleware();
    const server = createServer((request, response) => {
      guard(request, response, () => response.end(request.holdfast.sub));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const raw = assertions.map((value) => ["holdfast-assertion", value]).flat();
    const answer = await new Promise((resolve, reject) => {
      const { port } = server.address();
      const options = { host: "127.0.0.1", port, method, path: target, headers: ["host", "x", ...raw], agent: false };
      send(options, resolve).once("error", reject).end();
    });
    let text = "";
    for await (const chunk of answer) text += chunk;
    server.close();
    return `${answer.statusCode} ${text}`.trim();
  },
  advance: async ({ seconds }) => {
    later += seconds * 1000;
    return "done";
  },
  get: async ({ url }) => (await fetch(url)).text(),
  begin: ({ user }) => outcome(async () => {
    const begun = await holdfast.begin({ user });
    remembered = { id: begun.session.id, cookie: cookieOf(begun.response_headers) };
    return begun.session.user;
  }),
  check: () => outcome(async () => {
    const headers = [["Cookie", remembered.cookie]];
    return (await holdfast.check({ method: "GET", url: `${origin}/`, headers })).reason;
  }),
  session: () => outcome(async () => (await holdfast.session(remembered.id)).state),
  regenerate: () => outcome(async () => {
    const begun = await holdfast.regenerate(remembered.id, { acr: "mfa" });
    const isNew = begun.session.id !== remembered.id;
    remembered = { id: begun.session.id, cookie: cookieOf(begun.response_headers) };
    return `${isNew ? "new" : "old"} ${begun.session.auth.acr}`;
  }),
  end: () => outcome(async () => String(await holdfast.end(remembered.id))),
  end_user: ({ user }) => outcome(async () => `${(await holdfast.endUser(user)).ended}`),
  wrong_token: () => outcome(async () => new Api({ api: plan.internal, token: "no" }).session("hs_x")),
  nobody: () => outcome(async () => new Api({ api: plan.nobody, token: "no" }).session("hs_x")),
};
let remembered = {};

async function outcome(act) {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Refused) return "refused";
    if (error instanceof Unavailable) return "unavailable";
    if (error instanceof CallRefused) return `call refused ${error.status}`;
    throw error;
  }
}

function cookieOf(headers) {
  return headers.find(([name]) => name === "Set-Cookie")[1].split(";")[0];
}

for (const step of plan.steps) {
  console.log(JSON.stringify({ step: step.name, outcome: await steps[step.do](step) }));
}
