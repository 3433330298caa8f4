// For apps behind Holdfast: who makes a request, as `Holdfast-Assertion` says, and the calls of the internal API.

import { createRemoteJWKSet, errors, jwtVerify } from "jose";

/** There is no assertion, or it is not one for this request: answer 401. */
export class Refused extends Error {}

/** Holdfast was not reached, or has trouble of its own, so nothing is known: answer 503. */
export class Unavailable extends Error {}

/** Holdfast refused a call of the API; `problem` is its problem document. */
export class CallRefused extends Error {
  constructor(status, problem) {
    super(`holdfast: ${status} ${problem?.code ?? ""}`);
    Object.assign(this, { status, problem });
  }
}

/** Verifies assertions for the app at `origin` (`https://shop.example`); `api` is Holdfast's internal listener. */
export class Verifier {
  constructor({ api, origin }) {
    this.origin = origin;
    // A `kid` that is not known has the keys fetched again, at most every 30 seconds: strangers can make up as many as
    // they like. Keys older than ten minutes are fetched again as well: one that was dropped must not be believed.
    const limits = { cooldownDuration: 30_000, cacheMaxAge: 600_000, timeoutDuration: 5_000 };
    this.keys = createRemoteJWKSet(new URL(`${api}/_holdfast/jwks`), limits);
  }

  /**
   * The claims of `assertion`, if it is about a request of `method` for `path`, which has no query and is what the client
   * sent to the gateway: `sub` the user, `sid` the session, `bnd` the level of its binding.
   */
  async verify(assertion, method, path) {
    const { payload } = await jwtVerify(assertion, this.keys, {
      algorithms: ["ES256"],
      typ: "JWT",
      issuer: this.origin,
      audience: this.origin,
      clockTolerance: 5,
      maxTokenAge: 60,
      requiredClaims: ["sub", "sid", "bnd", "iat", "exp", "htm", "htu", "auth_time"],
    }).catch((error) => {
      const isTheirs = error instanceof errors.JOSEError && !OURS.includes(error.code);
      throw isTheirs ? new Refused(error.code) : new Unavailable("the keys of Holdfast cannot be had");
    });
    const isShort = payload.exp - payload.iat <= 60;
    if (!isShort || !LEVELS.includes(payload.bnd) || typeof payload.sub !== "string") throw new Refused("claims");
    if (payload.htm !== method || payload.htu !== this.origin + path) throw new Refused("another request");
    return payload;
  }

  /** For Express, Connect and `node:http`: puts the claims into `request.holdfast`, or answers 401 or 503 itself. */
  middleware() {
    return async (request, response, next) => {
      try {
        const values = request.headersDistinct["holdfast-assertion"] ?? [];
        if (values.length !== 1) throw new Refused("there must be one assertion");
        const path = (request.originalUrl ?? request.url).split("?")[0];
        request.holdfast = await this.verify(values[0], request.method, path);
      } catch (error) {
        response.writeHead(error instanceof Refused ? 401 : 503).end();
        return;
      }
      next();
    };
  }
}

/** Whether claims are of a session that is bound at least as strongly as `level`. */
export const isBound = (claims, level) =>
  LEVELS.includes(level) && LEVELS.indexOf(claims.bnd) >= LEVELS.indexOf(level);

/** The internal API at `api` (`http://127.0.0.1:8444`), with the app's API token. */
export class Api {
  #token;

  constructor({ api, token }) {
    this.api = api;
    this.#token = token;
  }

  /** Begins a session for `{ user, … }`; append `response_headers` of the answer to the login response. */
  begin = (login) => this.#call("POST", "/v1/sessions", login);
  /** Asks whether the request `{ method, url, headers }` may go on. */
  check = (question) => this.#call("POST", "/v1/check", question);
  session = (id) => this.#call("GET", `/v1/sessions/${encodeURIComponent(id)}`);
  /** A new session in place of this one, after its user was authenticated again. */
  regenerate = (id, auth) => this.#call("POST", `/v1/sessions/${encodeURIComponent(id)}/regenerate`, { auth });
  end = (id) => this.#call("DELETE", `/v1/sessions/${encodeURIComponent(id)}`);
  endUser = (user) => this.#call("DELETE", `/v1/users/${encodeURIComponent(user)}/sessions`);

  async #call(method, path, body) {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const signal = AbortSignal.timeout(5_000);
    const question = { method, headers, signal, body: body && JSON.stringify(body) };
    const answer = await fetch(this.api + path, question).catch((cause) => {
      throw new Unavailable("Holdfast was not reached", { cause });
    });
    const said = await answer.json().catch(() => null);
    if (answer.status >= 500) throw new Unavailable(`holdfast: ${answer.status} ${said?.code ?? ""}`);
    if (!answer.ok) throw new CallRefused(answer.status, said);
    return said;
  }
}

const LEVELS = ["none", "software", "hardware", "attested"];
// jose's codes for a key set that did not come: no answer in time, or one that is no key set. A failed connection is no
// JOSEError at all.
const OURS = ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"];
