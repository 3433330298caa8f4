// Requests that say exactly what they are told to: headers in this case, in this order, and as often as they are given.

import https from "node:https";

/** Sends a request to the app, through its gateway. `headers` are pairs; `form` is sent as a form. */
export function send(app, method, path, { headers = [], form } = {}) {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  const lines = [["Host", new URL(app.origin).host], ...headers];
  if (body !== undefined) {
    lines.push(["Content-Type", "application/x-www-form-urlencoded"], ["Content-Length", `${body.length}`]);
  }
  // The origin's host and port are names; the gateway may listen on another port, as behind a port mapping.
  const address = { host: "127.0.0.1", port: app.gateway, servername: "localhost", ca: app.ca };
  return new Promise((resolve, reject) => {
    const request = https.request({ ...address, method, path, headers: lines }, (response) => {
      read(response).then(resolve, reject);
    });
    request.once("error", reject).end(body);
  });
}

async function read(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return new Answer(response.statusCode, response.rawHeaders, Buffer.concat(chunks).toString());
}

/** What came back. */
export class Answer {
  #rawHeaders;

  constructor(status, rawHeaders, text) {
    this.status = status;
    this.#rawHeaders = rawHeaders;
    this.text = text;
    judgeNonces(this);
  }

  /** Every line of a header. */
  all(name) {
    const values = (line, index) => index % 2 === 1 && this.#rawHeaders[index - 1].toLowerCase() === name;
    return this.#rawHeaders.filter(values);
  }

  /** The body as JSON. */
  get json() {
    return JSON.parse(this.text);
  }

  /** The OAuth error, from the body of the token endpoint or the challenge of a resource. */
  get error() {
    const challenge = this.all("www-authenticate").join(", ");
    const inChallenge = /\berror="([^"]*)"/.exec(challenge)?.[1];
    return inChallenge ?? (this.text.startsWith("{") ? this.json.error : undefined);
  }

  /** The nonce to use from now on. */
  get nonce() {
    return this.all("dpop-nonce")[0];
  }

  get isSuccess() {
    return this.status >= 200 && this.status < 300;
  }

  toString() {
    return this.error ? `${this.status} ${this.error}` : `${this.status}`;
  }
}

// What the OpenID suite asks of every answer, whatever it was about.
function judgeNonces(answer) {
  const nonces = answer.all("dpop-nonce");
  const complain = (what) => {
    throw new Error(`${what} in an answer ${answer}`);
  };
  if (nonces.length > 1) complain("more than one DPoP-Nonce");
  if (nonces.some((nonce) => !NONCE.test(nonce))) complain("a malformed DPoP-Nonce");
  if (answer.error === "use_dpop_nonce" && nonces.length === 0) complain("no DPoP-Nonce");
}

// RFC 9449 §8.1: 1*NQCHAR.
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
