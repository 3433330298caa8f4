// The DPoP steps of the OpenID FAPI 2.0 conformance suite, with the verdicts that the suite gives.
//
// Names before the colon are those of its modules. As there, "refused" is 400 or 401, and a request that is answered with
// `use_dpop_nonce` is repeated once with the nonce. The app's origin has no port here, so that a proof can spell out the
// default one.

import "./lib/webcrypto.js";

import { setTimeout as sleep } from "node:timers/promises";

import { exportJWK, importJWK } from "jose";

import { send } from "./lib/http.js";
import { NativeClient } from "./lib/native.js";
import { ProofKey, assemble, newId, now } from "./lib/proof.js";
import { expect, expectEqual, run } from "./lib/steps.js";

const HOUR = 3600;

const AT_PAR = [
  "ensure-dpopproof-at-par-endpoint-binding-success",
  "ensure-mismatched-dpop-jkt-fails",
  "ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt",
];

await run(async (app, step) => {
  const key = await ProofKey.generate("ES256");
  const otherKey = await ProofKey.generate("ES256");
  const client = new NativeClient(app, app.clients.native, key);
  const foreigner = new NativeClient(app, app.clients.other, key);

  // The suite uses the previous refresh token half a minute after it was rotated. The other steps run meanwhile.
  const rotation = {};
  await step("refresh-token: rotation", async () => {
    rotation.tokens = await client.redeem();
    const answer = await client.token(client.renewal(rotation.tokens.refresh_token));
    rotation.at = Date.now();
    pass(answer);
    rotation.successor = answer.json;
    expect(rotation.successor.refresh_token !== rotation.tokens.refresh_token, "not rotated");
  });

  await step("discovery: an algorithm of the profile", async () => {
    const metadata = await authorizationServer();
    const algorithms = metadata.dpop_signing_alg_values_supported;
    expect(
      algorithms.some((algorithm) => ["PS256", "ES256", "EdDSA", "Ed25519"].includes(algorithm)),
      `${algorithms}`,
    );
    return algorithms.join(" ");
  });

  const { access_token: token } = await client.redeem();
  const accepted = (name, changes) =>
    step(`dpop-negative-tests: ${name}`, async () => pass(await client.resource(token, changes)));
  const refused = (name, changes) =>
    step(`dpop-negative-tests: ${name}`, async () => fail(await client.resource(token, changes)));

  await step("dpop-negative-tests: header name in capitals", async () => {
    return pass(await client.resourceWith(token, (target) => key.prove(target), { header: "DPOP" }));
  });
  await step("dpop-negative-tests: two DPoP headers", async () => {
    const twice = (target) => Promise.all([key.prove(target), key.prove(target)]);
    return fail(await client.resourceWith(token, twice));
  });
  await step("dpop-negative-tests: two parts only", async () => {
    const truncate = async (target) => (await key.prove(target)).split(".").slice(0, 2).join(".");
    return fail(await client.resourceWith(token, truncate));
  });
  await refused("no typ", { header: { typ: undefined } });
  await step("dpop-negative-tests: no alg", async () => {
    pass(await client.resourceWith(token, (target) => handmade(target, {})));
    return fail(await client.resourceWith(token, (target) => handmade(target, { alg: undefined })));
  });
  await refused("no jwk", { header: { jwk: undefined } });
  for (const claim of ["jti", "htm", "htu", "iat", "ath"]) {
    await refused(`no ${claim}`, { claims: { [claim]: undefined } });
  }
  await refused("wrong typ", { header: { typ: "dpop+jwt+wrongyousee" } });
  await step("dpop-negative-tests: RS256", async () => {
    const rsa = await ProofKey.generate("PS256");
    const owner = new NativeClient(app, app.clients.native, rsa);
    const { access_token: bound } = await owner.redeem();
    pass(await owner.resource(bound));
    const privateKey = await importJWK({ ...(await exportJWK(rsa.privateKey)), alg: "RS256" }, "RS256");
    const labelled = new ProofKey("RS256", privateKey, rsa.jwk);
    return fail(await owner.resourceWith(bound, (target) => labelled.prove(target)));
  });
  await step("dpop-negative-tests: alg none", async () => {
    const header = key.header({ alg: "none" });
    const unsigned = (target) => assemble(header, rightClaims(target), () => "");
    return fail(await client.resourceWith(token, unsigned));
  });
  await step("dpop-negative-tests: damaged signature", async () => {
    return fail(await client.resourceWith(token, async (target) => damage(await key.prove(target))));
  });
  await refused("private key in jwk", { header: { jwk: await exportJWK(key.privateKey) } });
  await refused("wrong htm", { claims: { htm: "PUT" } });
  const { url } = client.target(token);
  await accepted("htu with query and fragment", { claims: { htu: `${url}?page=2#part` } });
  await accepted("htu without query and fragment", { claims: { htu: url } });
  await refused("another htu", { claims: { htu: `${url}/suffix` } });
  for (const [name, offset] of [["ahead", HOUR], ["behind", -HOUR]]) {
    await step(`dpop-negative-tests: iat an hour ${name}`, () => timeOfProof(offset));
  }
  await step("dpop-negative-tests: a jti twice", async () => {
    const claims = { jti: newId() };
    pass(await client.resource(token, { claims }));
    return fail(await client.resource(token, { claims }));
  });
  await refused("wrong ath", { claims: { ath: "wrong" } });
  await step("dpop-negative-tests: another key", async () => {
    return fail(await client.resourceWith(token, (target) => otherKey.prove(target)));
  });
  await step("dpop-negative-tests: signature of another key", async () => {
    const forged = new ProofKey("ES256", otherKey.privateKey, key.jwk);
    return fail(await client.resourceWith(token, (target) => forged.prove(target)));
  });
  await accepted("unknown members", { header: { unknown: "member" }, claims: { unknown: { member: 1 } } });
  await accepted("htu in capitals", { claims: { htu: url.replace(app.origin, app.origin.toUpperCase()) } });
  await accepted("htu with the default port", { claims: { htu: url.replace(app.origin, `${app.origin}:443`) } });
  await step("dpop-negative-tests: no proof", async () => fail(await client.raw(token, [])));
  await step("dpop-negative-tests: no proof and Bearer", async () => fail(await client.raw(token, [], "Bearer")));
  await accepted("a right proof after all that", {});

  const window = { nbf: now(), exp: now() + 300 };
  await atBothEndpoints("check-dpop-proof-nbf-exp", () => ({ claims: window }));
  await atBothEndpoints("ensure-dpopproof-with-iat-10seconds-after-succeeds", () => ({ claims: { iat: now() + 8 } }));
  await atBothEndpoints("ensure-dpopproof-with-iat-10seconds-before-succeeds", () => ({ claims: { iat: now() - 10 } }));

  await step("ensure-dpop-auth-code-binding-success", async () => {
    return pass(await client.token(await client.offer({ dpop_jkt: await key.thumbprint() })));
  });
  await step("ensure-token-endpoint-fails-with-mismatched-dpop-jkt", async () => {
    return failAtToken(await client.token(await client.offer({ dpop_jkt: await otherKey.thumbprint() })));
  });
  // Three modules are about proofs in pushed authorization requests. The app authenticates its users itself and asks for
  // the code at the internal listener, so there is no endpoint that could take one; the step before has shown that the
  // key which the app names is held to.
  for (const name of AT_PAR) {
    await step(name, async () => {
      const metadata = await authorizationServer();
      for (const endpoint of ["pushed_authorization_request_endpoint", "authorization_endpoint"]) {
        expectEqual(metadata[endpoint], undefined, endpoint);
      }
      return "not applicable: no pushed authorization requests";
    });
  }

  await step("access-token-type-header-case-sensitivity", async () => {
    return pass(await client.resourceWith(token, (target) => key.prove(target), { scheme: "dPOP" }));
  });

  await step("ensure-holder-of-key-required: code", async () => {
    return failAtToken(await client.token(await client.offer(), null));
  });
  await step("ensure-holder-of-key-required: resource", async () => fail(await client.raw(token, [])));

  await step("refresh-token: no proof", async () => {
    return failAtToken(await client.token(client.renewal(rotation.successor.refresh_token), null));
  });
  await step("refresh-token: a foreign client", async () => {
    return failAtToken(await foreigner.token(foreigner.renewal(rotation.successor.refresh_token)));
  });
  await step("refresh-token: the previous token after 30 s", async () => {
    await sleep(Math.max(0, rotation.at + 30_500 - Date.now()));
    const again = await client.token(client.renewal(rotation.tokens.refresh_token));
    pass(again);
    const next = await client.token(client.renewal(again.json.refresh_token));
    pass(next);
    return pass(await client.resource(next.json.access_token));
  });

  /** Proofs changed in this way are good at the token endpoint and at the resource. */
  async function atBothEndpoints(name, changes) {
    let tokens;
    await step(`${name}: token endpoint`, async () => {
      const answer = await client.token(await client.offer(), changes());
      tokens = atOnce(answer).json;
    });
    await step(`${name}: resource`, async () => {
      return `${atOnce(await client.resource(tokens.access_token, changes()))}`;
    });
  }

  /** A success without a nonce, unless every proof needs one. */
  function atOnce(answer) {
    pass(answer);
    expect(app.nonce === "always" || !answer.isSecond, "a nonce was asked for");
    return answer;
  }

  /** A wrong time is refused without a nonce, and made good by one. */
  async function timeOfProof(offset) {
    // Whoever has used a nonce must go on with them, so this is a session of its own.
    const { access_token: fresh } = await client.redeem();
    const claims = { iat: now() + offset };
    const bare = await client.raw(fresh, [["DPoP", await key.prove(client.target(fresh), { claims })]]);
    fail(bare);
    if (bare.error !== "use_dpop_nonce") return `${bare}`;
    const target = client.target(fresh, bare.nonce);
    const second = await client.raw(fresh, [["DPoP", await key.prove(target, { claims })]]);
    return `${bare}, with the nonce ${pass(second)}`;
  }

  async function authorizationServer() {
    return (await send(app, "GET", "/.well-known/oauth-authorization-server")).json;
  }

  function rightClaims(target) {
    return { ...client.claims(target), jti: newId(), iat: now() };
  }

  /** A proof whose header jose would not write; the signature is right. */
  function handmade(target, header) {
    const ecdsa = { name: "ECDSA", hash: "SHA-256" };
    const sign = (text) => crypto.subtle.sign(ecdsa, key.privateKey, text);
    return assemble(key.header(header), rightClaims(target), sign);
  }
});

function pass(answer) {
  expect(answer.isSuccess, `${answer} instead of success: ${answer.text}`);
  return `${answer}`;
}

function fail(answer) {
  expect([400, 401].includes(answer.status), `${answer} instead of a refusal`);
  return `${answer}`;
}

function failAtToken(answer) {
  expectEqual(answer.status, 400, `status, ${answer}`);
  expect(["invalid_dpop_proof", "invalid_grant", "invalid_request"].includes(answer.error), `${answer}`);
  return `${answer}`;
}

function damage(proof) {
  const [header, claims, signature] = proof.split(".");
  const bytes = Buffer.from(signature, "base64url");
  bytes[0] ^= 0x5a;
  return [header, claims, bytes.toString("base64url")].join(".");
}
