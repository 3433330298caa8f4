// DPoP proofs made with jose, right ones and, by changes to them, wrong ones.

import "./webcrypto.js";

import { createHash, randomBytes } from "node:crypto";

import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

/** A key of a client, which signs with `algorithm`. */
export class ProofKey {
  static async generate(algorithm) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    return new ProofKey(algorithm, privateKey, await exportJWK(publicKey));
  }

  constructor(algorithm, privateKey, jwk) {
    Object.assign(this, { algorithm, privateKey, jwk });
  }

  /** RFC 7638 of the key. */
  thumbprint() {
    return calculateJwkThumbprint(this.jwk);
  }

  /** A proof for a request. `header` and `claims` are laid over what is right; undefined takes a member away. */
  async prove({ method, url, token, nonce }, { header = {}, claims = {} } = {}) {
    const right = { jti: newId(), htm: method, htu: url, iat: now(), nonce, ath: token && hashOf(token) };
    return new SignJWT({ ...right, ...claims }).setProtectedHeader(this.header(header)).sign(this.privateKey);
  }

  /** The header of its proofs, with changes laid over it. */
  header(changes = {}) {
    return { typ: "dpop+jwt", alg: this.algorithm, jwk: this.jwk, ...changes };
  }
}

/** A JWT with this header whose signature, of whatever kind, is made over its first two parts. */
export async function assemble(header, claims, sign) {
  const text = [header, claims].map((part) => encode(JSON.stringify(part))).join(".");
  return `${text}.${encode(await sign(Buffer.from(text)))}`;
}

/** `ath` of an access token. */
export function hashOf(token) {
  return createHash("sha256").update(token).digest("base64url");
}

/** Seconds since 1970. */
export function now() {
  return Math.floor(Date.now() / 1000);
}

/** A fresh `jti`. */
export function newId() {
  return randomBytes(16).toString("base64url");
}

function encode(bytes) {
  return Buffer.from(bytes).toString("base64url");
}
