// The app whose users come with OAuth clients: its back end, and the gateway in front of it.

import dns from "node:dns";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

/**
 * The app as it is deployed: one origin, whose gateway hands `/_holdfast/` and the metadata to Holdfast and asks
 * `POST /v1/check` about everything else. So clients see issuer and resource on the origin that Holdfast is told of, and
 * sign the addresses that it checks.
 */
export class App {
  constructor(stage) {
    Object.assign(this, stage);
    this.ca = readFileSync(stage.ca);
  }

  /** Starts the gateway that `stage` describes. */
  static async start(stage) {
    // The gateway is on 127.0.0.1, and Node 18 would look for `localhost` at ::1 first.
    dns.setDefaultResultOrder("ipv4first");
    const app = new App(stage);
    const files = { cert: readFileSync(stage.certificate), key: readFileSync(stage.key) };
    const gateway = https.createServer(files, (request, response) => app.#serve(request, response));
    await new Promise((resolve, reject) => {
      gateway.once("error", reject).listen(stage.gateway, "127.0.0.1", resolve);
    });
    return app;
  }

  /** The absolute address of `path`. */
  url(path) {
    return `${this.origin}${path}`;
  }

  /** Has a user logged in for a client, and gives the code for it. */
  async offer(client, members = {}) {
    const { client_id, redirect_uri } = client;
    const body = { kind: "oauth", user: "alice", client_id, redirect_uri, scope: "read", ...members };
    const answer = await this.#ask("/v1/sessions", body);
    if (answer.status !== 201) throw new Error(`no code: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text).code;
  }

  #serve(request, response) {
    const isForHoldfast = HOLDFAST.some((prefix) => request.url.startsWith(prefix));
    const answer = isForHoldfast ? this.#forward(request, response) : this.#check(request, response);
    answer.catch((error) => {
      response.writeHead(502, { "content-type": "text/plain" }).end(`the gateway: ${error.message}`);
    });
  }

  // Headers go through as they came, line by line: a second `DPoP` line is the server's to refuse.
  async #forward(request, response) {
    const [host, port] = this.public.split(":");
    const { method, url: path, rawHeaders: headers } = request;
    await new Promise((resolve, reject) => {
      const onwards = http.request({ host, port, method, path, headers: pairs(headers) }, (answer) => {
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response).once("finish", resolve).once("error", reject);
      });
      request.pipe(onwards.once("error", reject));
    });
  }

  async #check(request, response) {
    const { method, url, rawHeaders, socket } = request;
    const question = {
      method,
      url: this.url(url),
      headers: pairs(rawHeaders),
      client_ip: socket.remoteAddress,
    };
    const answer = await this.#ask("/v1/check", question);
    if (answer.status !== 200) throw new Error(`no verdict: ${answer.status} ${answer.text}`);
    const verdict = JSON.parse(answer.text);
    const allowed = verdict.decision === "allow";
    const headers = [...(verdict.response_headers ?? []), ["Content-Type", "application/json"]];
    response.writeHead(allowed ? 200 : verdict.status, headers.flat());
    response.end(JSON.stringify({ reason: verdict.reason, user: verdict.session?.user }));
  }

  async #ask(path, body) {
    const answer = await fetch(`http://${this.internal}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  }
}

function pairs(rawHeaders) {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1]]] : []));
}

const HOLDFAST = ["/_holdfast/", "/.well-known/oauth-"];
