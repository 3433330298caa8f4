// oauth4webapi: a client that leaves every step to its caller, and a resource server that checks tokens and proofs itself.

import "./lib/webcrypto.js";

import * as oauth from "oauth4webapi";

import { expect, expectEqual, failure, run } from "./lib/steps.js";

await run(async (app, step) => {
  const issuer = new URL(app.origin);
  const client = { client_id: app.clients.native.client_id };
  const { redirect_uri: redirectUri } = app.clients.native;
  const stranger = { client_id: app.clients.backend.client_id };
  const strangerAuth = oauth.ClientSecretBasic(app.clients.backend.secret);
  // The app asks as the resource that it is, with its API token; it is no client.
  const appAuth = (_as, _client, _body, headers) => headers.set("authorization", `Bearer ${app.token}`);
  const keys = await oauth.generateKeyPair("ES256", { extractable: true });
  const DPoP = oauth.DPoP(client, keys);
  const resource = new URL("/orders", issuer);
  let as;
  let tokens;
  let renewed;

  await step("discovery", async () => {
    const answer = await oauth.discoveryRequest(issuer, { algorithm: "oauth2" });
    as = await oauth.processDiscoveryResponse(issuer, answer);
    expect(as.dpop_signing_alg_values_supported.includes("ES256"), "no ES256");
    expect(as.code_challenge_methods_supported.includes("S256"), "no S256");
    return as.token_endpoint;
  });

  await step("resource metadata", async () => {
    const answer = await oauth.resourceDiscoveryRequest(issuer);
    const metadata = await oauth.processResourceDiscoveryResponse(issuer, answer);
    expect(metadata.authorization_servers.includes(as.issuer), "another authorization server");
    expectEqual(metadata.dpop_bound_access_tokens_required, true, "dpop_bound_access_tokens_required");
  });

  await step("code exchange", async () => {
    const exchange = await redeem(DPoP);
    tokens = await exchange.run();
    expectEqual(tokens.token_type, "dpop", "token_type");
    expectEqual(exchange.attempts(), app.nonce === "always" ? 2 : 1, "attempts");
    return `${exchange.attempts()} attempts`;
  });

  await step("a code is good once", async () => {
    const handle = oauth.DPoP(client, keys);
    const exchange = await redeem(handle);
    const first = await exchange.run();
    const error = await failure(exchange.run);
    expectEqual(error.error, "invalid_grant", "error");
    // What the first one began has ended.
    const challenge = await failure(() => fetchResource(first.access_token, handle));
    return challengeOf(challenge, "invalid_token");
  });

  await step("a wrong verifier is refused", async () => {
    const exchange = await redeem(DPoP, { verifier: oauth.generateRandomCodeVerifier() });
    const error = await failure(exchange.run);
    expectEqual(error.error, "invalid_grant", "error");
    return error.error_description;
  });

  await step("resource request", async () => {
    const answer = await fetchResource(tokens.access_token, DPoP);
    expectEqual(answer.status, 200, "status");
    expectEqual((await answer.json()).user, "alice", "user");
  });

  await step("the token is an RFC 9068 token", async () => {
    // The library as a resource server: it fetches the keys and checks token, proof and binding.
    const headers = new Headers();
    await DPoP.addProof(resource, headers, "GET", tokens.access_token);
    headers.set("authorization", `DPoP ${tokens.access_token}`);
    const request = new Request(resource, { headers });
    const claims = await oauth.validateJwtAccessToken(as, request, issuer.origin, {
      requireDPoP: true,
      signingAlgorithms: ["ES256"],
    });
    expectEqual(claims.client_id, client.client_id, "client_id");
    expectEqual(claims.cnf.jkt, await DPoP.calculateThumbprint(), "cnf.jkt");
    return Object.keys(claims).join(" ");
  });

  await step("a clock that is hours off", async () => {
    // The first proof is hopelessly old. The nonce that comes back replaces the clock.
    const late = { ...client, [oauth.clockSkew]: -3 * 60 * 60 };
    const exchange = await redeem(oauth.DPoP(late, keys));
    await exchange.run();
    expectEqual(exchange.attempts(), 2, "attempts");
  });

  await step("refresh", async () => {
    const before = tokens.refresh_token;
    renewed = await renew(before, DPoP);
    expect(renewed.refresh_token !== before, "the refresh token is not rotated");
    expect(renewed.access_token !== tokens.access_token, "the access token is the same");
    expectEqual((await fetchResource(renewed.access_token, DPoP)).status, 200, "status");
  });

  await step("a lost answer is given again", async () => {
    const again = await renew(tokens.refresh_token, DPoP);
    expectEqual(again.refresh_token, renewed.refresh_token, "refresh_token");
  });

  await step("another key refreshes nothing", async () => {
    const thief = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
    const error = await failure(() => renew(renewed.refresh_token, thief));
    expectEqual(error.error, "invalid_grant", "error");
    renewed = await renew(renewed.refresh_token, DPoP);
  });

  await step("a token is no bearer token", async () => {
    const request = () => oauth.protectedResourceRequest(renewed.access_token, "GET", resource);
    return challengeOf(await failure(request), "invalid_token");
  });

  await step("introspection", async () => {
    const found = await introspect(renewed.access_token);
    expectEqual(found.active, true, "active");
    expectEqual(found.token_type, "DPoP", "token_type");
    expectEqual(found.cnf.jkt, await DPoP.calculateThumbprint(), "cnf.jkt");
    return Object.keys(found).join(" ");
  });

  await step("introspection of another client's token", async () => {
    const found = await introspect(renewed.access_token, stranger, strangerAuth);
    expectEqual(JSON.stringify(found), '{"active":false}', "answer");
  });

  await step("introspection needs a caller", async () => {
    const error = await failure(async () => {
      const answer = await oauth.introspectionRequest(as, client, oauth.None(), renewed.access_token);
      return oauth.processIntrospectionResponse(as, client, answer);
    });
    expectEqual(error.status, 401, "status");
    expectEqual(error.error, "invalid_client", "error");
  });

  await step("revocation", async () => {
    const answer = await oauth.revocationRequest(as, client, oauth.None(), renewed.refresh_token);
    await oauth.processRevocationResponse(answer);
    const challenge = await failure(() => fetchResource(renewed.access_token, DPoP));
    const error = await failure(() => renew(renewed.refresh_token, DPoP));
    expectEqual(error.error, "invalid_grant", "error of a refresh");
    return challengeOf(challenge, "invalid_token");
  });

  await step("introspection of a revoked token", async () => {
    expectEqual(JSON.stringify(await introspect(renewed.access_token)), '{"active":false}', "answer");
  });

  await step("revocation of nonsense", async () => {
    const answer = await oauth.revocationRequest(as, client, oauth.None(), "nonsense");
    await oauth.processRevocationResponse(answer);
  });

  /** A code and how to redeem it, as often as one likes. */
  async function redeem(handle, { verifier } = {}) {
    const rightVerifier = oauth.generateRandomCodeVerifier();
    const code = await app.offer(app.clients.native, {
      code_challenge: await oauth.calculatePKCECodeChallenge(rightVerifier),
      code_challenge_method: "S256",
    });
    const state = oauth.generateRandomState();
    const callback = new URL(`${redirectUri}?${new URLSearchParams({ code, state })}`);
    const parameters = oauth.validateAuthResponse(as, client, callback, state);
    let attempts = 0;
    const run = () =>
      withNonce(async () => {
        attempts += 1;
        const answer = await oauth.authorizationCodeGrantRequest(
          as,
          client,
          oauth.None(),
          parameters,
          redirectUri,
          verifier ?? rightVerifier,
          { DPoP: handle },
        );
        return oauth.processAuthorizationCodeResponse(as, client, answer);
      });
    return { run, attempts: () => attempts };
  }

  function renew(token, handle) {
    return withNonce(async () => {
      const options = { DPoP: handle };
      const answer = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), token, options);
      return oauth.processRefreshTokenResponse(as, client, answer);
    });
  }

  function fetchResource(token, handle) {
    const options = { DPoP: handle };
    return withNonce(() => oauth.protectedResourceRequest(token, "GET", resource, undefined, undefined, options));
  }

  async function introspect(token, caller = { client_id: "the app" }, authentication = appAuth) {
    const answer = await oauth.introspectionRequest(as, caller, authentication, token);
    return oauth.processIntrospectionResponse(as, caller, answer);
  }
});

/** Tries once more when the server asks for a nonce; the handle has kept the nonce. */
async function withNonce(request) {
  try {
    return await request();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return request();
  }
}

/** What a resource said, which must be one challenge with this error. */
function challengeOf(error, expected) {
  expect(error instanceof oauth.WWWAuthenticateChallengeError, `no challenge: ${error}`);
  expectEqual(error.status, 401, "status");
  expectEqual(error.cause.length, 1, "challenges");
  const [{ scheme, parameters }] = error.cause;
  expectEqual(scheme, "dpop", "scheme");
  expectEqual(parameters.error, expected, "error");
  return parameters.error_description;
}
