// `validateJwtAccessToken` of oauth4webapi. It remembers no proof: a replay passes.

import { allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi';
import { issuer, jwksUri, listen } from './gateway.js';

const server = { issuer, jwks_uri: jwksUri };
const options = { requireDPoP: true, signingAlgorithms: ['ES256'], [allowInsecureRequests]: true };

listen(async (request, response) => {
  const { authorization, dpop } = request.headers;
  const original = new Request(request.headers['x-original-url'], {
    method: request.headers['x-original-method'],
    headers: { authorization, dpop },
  });
  try {
    const claims = await validateJwtAccessToken(server, original, issuer, options);
    response.writeHead(200, { 'x-subject': claims.sub });
  } catch {
    response.writeHead(401, { 'www-authenticate': 'DPoP error="invalid_token"' });
  }
  response.end();
});
