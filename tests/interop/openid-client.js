// openid-client: the same protocol with everything done for the caller, the nonce retry too. A client with a secret, and
// one without.

import "./lib/webcrypto.js";

import * as client from "openid-client";

import { expect, expectEqual, failure, run } from "./lib/steps.js";

await run(async (app, step) => {
  const { backend, native } = app.clients;
  const requests = [];
  let confidential;
  let DPoP;
  let tokens;
  let renewed;

  await step("discovery", async () => {
    confidential = await discover(backend, client.ClientSecretBasic(backend.secret));
    const metadata = confidential.serverMetadata();
    expectEqual(metadata.issuer, app.origin, "issuer");
    expect(metadata.supportsPKCE(), "no PKCE");
    return metadata.token_endpoint;
  });

  await step("code exchange", async () => {
    DPoP = client.getDPoPHandle(confidential, await client.randomDPoPKeyPair("ES256"));
    tokens = await redeem(confidential, backend, DPoP);
    expectEqual(tokens.token_type, "dpop", "token_type");
    expect(tokens.expiresIn() <= 15 * 60, "a long life");
    return `${tokens.expiresIn()} s`;
  });

  await step("nonce retry", async () => {
    const fresh = client.getDPoPHandle(confidential, await client.randomDPoPKeyPair("ES256"));
    requests.length = 0;
    await redeem(confidential, backend, fresh);
    expectEqual(requests.join(" "), app.nonce === "always" ? "400 200" : "200", "answers");
    // A clock that is wrong makes the server ask for a nonce, whatever its policy.
    const late = await discover(backend, client.ClientSecretBasic(backend.secret), {
      [client.clockSkew]: 2 * 60 * 60,
    });
    const lateHandle = client.getDPoPHandle(late, await client.randomDPoPKeyPair("ES256"));
    requests.length = 0;
    await redeem(late, backend, lateHandle);
    expectEqual(requests.join(" "), "400 200", "answers to a wrong clock");
    requests.length = 0;
  });

  await step("resource request", async () => {
    const answer = await fetchResource(confidential, tokens.access_token, DPoP);
    expectEqual(answer.status, 200, "status");
    expectEqual((await answer.json()).user, "alice", "user");
  });

  await step("refresh", async () => {
    renewed = await client.refreshTokenGrant(confidential, tokens.refresh_token, undefined, { DPoP });
    expect(renewed.refresh_token !== tokens.refresh_token, "the refresh token is not rotated");
    expectEqual((await fetchResource(confidential, renewed.access_token, DPoP)).status, 200, "status");
  });

  await step("two workers refresh at once", async () => {
    const refresh = () =>
      client.refreshTokenGrant(confidential, renewed.refresh_token, undefined, { DPoP });
    const [one, other] = await Promise.all([refresh(), refresh()]);
    expectEqual(one.refresh_token, other.refresh_token, "refresh_token");
    renewed = one;
  });

  await step("introspection", async () => {
    const found = await client.tokenIntrospection(confidential, renewed.access_token);
    expectEqual(found.active, true, "active");
    expectEqual(found.client_id, backend.client_id, "client_id");
    expectEqual(found.cnf.jkt, await DPoP.calculateThumbprint(), "cnf.jkt");
    return found.scope;
  });

  await step("revocation", async () => {
    await client.tokenRevocation(confidential, renewed.refresh_token, { token_type_hint: "refresh_token" });
    const found = await client.tokenIntrospection(confidential, renewed.access_token);
    expectEqual(JSON.stringify(found), '{"active":false}', "introspection");
    const error = await failure(() => fetchResource(confidential, renewed.access_token, DPoP));
    expectEqual(error.code, "OAUTH_WWW_AUTHENTICATE_CHALLENGE", "error");
    return error.cause[0].parameters.error;
  });

  await step("a secret in the form", async () => {
    const post = await discover(backend, client.ClientSecretPost(backend.secret));
    const handle = client.getDPoPHandle(post, await client.randomDPoPKeyPair("ES256"));
    await redeem(post, backend, handle);
  });

  await step("a wrong secret", async () => {
    const wrong = await discover(backend, client.ClientSecretBasic("wrong"));
    const handle = client.getDPoPHandle(wrong, await client.randomDPoPKeyPair("ES256"));
    const error = await failure(() => redeem(wrong, backend, handle));
    expectEqual(error.status, 401, "status");
    return error.error ?? error.code;
  });

  await step("a public client", async () => {
    const config = await discover(native, client.None());
    const handle = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
    const first = await redeem(config, native, handle);
    const second = await client.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP: handle });
    expectEqual((await fetchResource(config, second.access_token, handle)).status, 200, "status");
    const refused = await failure(() => client.tokenRevocation(config, second.access_token));
    expectEqual(refused.error, "unsupported_token_type", "error");
    await client.tokenRevocation(config, second.refresh_token);
    await failure(() => fetchResource(config, second.access_token, handle));
  });

  function discover({ client_id }, authentication, metadata) {
    const options = { algorithm: "oauth2", [client.customFetch]: countingFetch };
    return client.discovery(new URL(app.origin), client_id, metadata, authentication, options);
  }

  async function countingFetch(url, options) {
    const answer = await fetch(url, options);
    if (options.method === "POST") requests.push(answer.status);
    return answer;
  }

  async function redeem(config, registration, handle) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const code = await app.offer(registration, {
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
    });
    const expectedState = client.randomState();
    const query = new URLSearchParams({ code, state: expectedState });
    const callback = new URL(`${registration.redirect_uri}?${query}`);
    const checks = { pkceCodeVerifier, expectedState };
    return client.authorizationCodeGrant(config, callback, checks, undefined, { DPoP: handle });
  }

  function fetchResource(config, token, handle) {
    const url = new URL(app.url("/orders?page=1"));
    return client.fetchProtectedResource(config, token, url, "GET", undefined, undefined, { DPoP: handle });
  }
});
