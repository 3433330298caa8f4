// The userinfo endpoint of oidc-provider, with its replay detection.
//
// Its access tokens are opaque: it looks them up. Here they are Holdfast's, which are put into its store when they are
// first seen, after their signature was verified; from then on each request costs a look into the store.

import { createRemoteJWKSet, jwtVerify } from 'jose';
import Provider from 'oidc-provider';
import { asAsked, issuer, jwksUri, listen } from './gateway.js';

const keys = createRemoteJWKSet(new URL(jwksUri));
const clientId = 'bench';
const farAway = Math.floor(Date.now() / 1000) + 86400;

class Memory {
  #entries = new Map();
  #model;

  constructor(model) {
    this.#model = model;
  }

  async find(id) {
    const entry = this.#entries.get(id) ?? (await this.#admit(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async upsert(id, payload, expiresIn) {
    this.#entries.set(id, { payload, until: Date.now() + expiresIn * 1000 });
  }

  async #admit(id) {
    let payload;
    if (this.#model === 'AccessToken') {
      const { payload: claims } = await jwtVerify(id, keys, { issuer, audience: issuer, typ: 'at+jwt' });
      const { sub: accountId, exp, iat, cnf } = claims;
      payload = { accountId, clientId, exp, iat, jkt: cnf.jkt };
      payload = { ...payload, grantId: accountId, jti: id, kind: 'AccessToken', scope: 'openid' };
    } else if (this.#model === 'Grant') {
      const openid = { scope: 'openid' };
      payload = { accountId: id, clientId, exp: farAway, iat: farAway, jti: id, kind: 'Grant', openid };
    } else {
      return undefined;
    }
    await this.upsert(id, payload, 3600);
    return this.#entries.get(id);
  }
}

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: [
    {
      client_id: clientId,
      dpop_bound_access_tokens: true,
      redirect_uris: ['https://bench.example/callback'],
      token_endpoint_auth_method: 'none',
    },
  ],
  features: { devInteractions: { enabled: false }, dPoP: { enabled: true }, userinfo: { enabled: true } },
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  routes: { userinfo: '/account' },
});
provider.proxy = true;
const answer = provider.callback();

listen((request, response) => answer(asAsked(request), response));
