// An OAuth client of our own, as small as one can be: it says what it is told, and tells what came back.

import { createHash, randomBytes } from "node:crypto";

import { send } from "./http.js";
import { hashOf } from "./proof.js";

/** A client with its key, at the app. */
export class NativeClient {
  constructor(app, client, key) {
    Object.assign(this, { app, client, key });
  }

  /** The parameters of the token request that redeems a fresh code. */
  async offer(members = {}) {
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const pkce = { code_challenge: challenge, code_challenge_method: "S256" };
    const code = await this.app.offer(this.client, { ...pkce, ...members });
    const { client_id, redirect_uri } = this.client;
    return { grant_type: "authorization_code", code, redirect_uri, code_verifier: verifier, client_id };
  }

  /** The parameters of the token request that refreshes. */
  renewal(token) {
    return { grant_type: "refresh_token", refresh_token: token, client_id: this.client.client_id };
  }

  /** Posts `form` to the token endpoint; `changes` are those of `ProofKey.prove`, and `null` is no proof at all. */
  async token(form, changes = {}) {
    return this.#withNonce(async (nonce) => {
      const target = { method: "POST", url: this.app.url(TOKEN_ENDPOINT), nonce };
      const proof = changes && (await this.key.prove(target, changes));
      return send(this.app, "POST", TOKEN_ENDPOINT, { form, headers: proof ? [["DPoP", proof]] : [] });
    });
  }

  /** Logs a user in and redeems the code. */
  async redeem(members = {}) {
    const answer = await this.token(await this.offer(members));
    if (!answer.isSuccess) throw new Error(`the code is refused: ${answer}`);
    return answer.json;
  }

  /** Asks for the resource with a proof that `changes` make what they will. */
  async resource(token, changes = {}) {
    return this.resourceWith(token, (target) => this.key.prove(target, changes));
  }

  /** Asks for the resource with the proof, or the proofs, that `make` makes. */
  async resourceWith(token, make, { header = "DPoP", scheme } = {}) {
    return this.#withNonce(async (nonce) => {
      const proofs = [await make(this.target(token, nonce))].flat();
      return this.raw(token, proofs.map((proof) => [header, proof]), scheme);
    });
  }

  /** Asks for the resource, once, with these headers beside `Authorization`. */
  raw(token, headers, scheme = "DPoP") {
    const lines = [["Authorization", `${scheme} ${token}`], ...headers];
    return send(this.app, "GET", `${RESOURCE}${QUERY}`, { headers: lines });
  }

  /** What a proof for the resource is about. */
  target(token, nonce) {
    return { method: "GET", url: this.app.url(RESOURCE), token, nonce };
  }

  /** The claims of a right proof for the resource. */
  claims(target) {
    const { method: htm, url: htu, token, nonce } = target;
    return { htm, htu, nonce, ath: hashOf(token) };
  }

  // A client may be asked for a nonce at any time, and then tries once more.
  async #withNonce(request) {
    const answer = await request(undefined);
    if (answer.error !== "use_dpop_nonce") return answer;
    const second = await request(answer.nonce);
    second.isSecond = true;
    return second;
  }
}

const TOKEN_ENDPOINT = "/_holdfast/oauth/token";
const RESOURCE = "/orders";
// Never part of `htu`.
const QUERY = "?page=1";
