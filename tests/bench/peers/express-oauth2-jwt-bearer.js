// The middleware of express-oauth2-jwt-bearer, with DPoP required. It remembers no proof: a replay passes.

import express from 'express';
import { auth } from 'express-oauth2-jwt-bearer';
import { asAsked, issuer, jwksUri, listen } from './gateway.js';

const app = express();
app.set('trust proxy', true);
app.disable('x-powered-by');
app.disable('etag');
app.use(auth({ issuer, jwksUri, audience: issuer, tokenSigningAlg: 'ES256', dpop: { required: true } }));
app.use((request, response) => {
  response.set('x-subject', request.auth.payload.sub).status(200).end();
});
app.use((error, _request, response, _next) => {
  response.set(error.headers ?? {}).status(error.status ?? 500).end();
});

listen((request, response) => app(asAsked(request), response));
