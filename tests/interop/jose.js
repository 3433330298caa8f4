// jose: proofs in every algorithm, at the token endpoint and at a resource, and our tokens read by somebody else.

import "./lib/webcrypto.js";

import { createRemoteJWKSet, jwtVerify } from "jose";

import { send } from "./lib/http.js";
import { NativeClient } from "./lib/native.js";
import { ProofKey } from "./lib/proof.js";
import { expect, expectEqual, run } from "./lib/steps.js";

await run(async (app, step) => {
  for (const algorithm of ["ES256", "EdDSA", "Ed25519", "PS256"]) {
    const client = new NativeClient(app, app.clients.native, await ProofKey.generate(algorithm));
    let tokens;

    await step(`${algorithm}: code exchange`, async () => {
      tokens = await client.redeem();
      expectEqual(tokens.token_type, "DPoP", "token_type");
    });

    await step(`${algorithm}: refresh`, async () => {
      const answer = await client.token(client.renewal(tokens.refresh_token));
      expectEqual(answer.status, 200, `status, ${answer}`);
      tokens = answer.json;
    });

    await step(`${algorithm}: resource`, async () => {
      const answer = await client.resource(tokens.access_token);
      expectEqual(answer.status, 200, `status, ${answer}`);
    });

    await step(`${algorithm}: the token names the key`, async () => {
      const keys = createRemoteJWKSet(new URL(app.url("/_holdfast/jwks")));
      const expected = { issuer: app.origin, audience: app.origin, typ: "at+jwt", algorithms: ["ES256"] };
      const { payload } = await jwtVerify(tokens.access_token, keys, expected);
      expectEqual(payload.cnf.jkt, await client.key.thumbprint(), "cnf.jkt");
      expect(payload.exp - payload.iat <= 15 * 60, "a long life");
    });
  }

  // Keys of these kinds are refused unless the configuration names their algorithm, or whatever it names.
  for (const algorithm of ["RS256", "ES384", "PS512"]) {
    await step(`${algorithm}: refused`, async () => {
      const client = new NativeClient(app, app.clients.native, await ProofKey.generate(algorithm));
      const answer = await client.token(await client.offer());
      expectEqual(`${answer}`, "400 invalid_dpop_proof", "answer");
    });
  }

  await step("the challenge names the algorithms", async () => {
    const answer = await send(app, "GET", "/orders");
    const challenges = answer.all("www-authenticate");
    expectEqual(answer.status, 401, "status");
    expectEqual(challenges.length, 1, "challenges");
    const metadata = await send(app, "GET", "/.well-known/oauth-authorization-server");
    const algorithms = metadata.json.dpop_signing_alg_values_supported;
    const named = /algs="([^"]*)"/.exec(challenges[0])?.[1];
    expectEqual(named, algorithms.join(" "), "algs");
    return challenges[0];
  });

  await step("a nonce for the asking", async () => {
    const answer = await send(app, "HEAD", "/_holdfast/oauth/nonce");
    expectEqual(answer.status, 204, "status");
    const client = new NativeClient(app, app.clients.native, await ProofKey.generate("ES256"));
    const tokens = await client.redeem();
    const proved = await client.resource(tokens.access_token, { claims: { nonce: answer.nonce, iat: 1 } });
    expectEqual(proved.status, 200, `status, ${proved}`);
  });
});
