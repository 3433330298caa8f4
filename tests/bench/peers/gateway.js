// What the peers have in common: the question of a gateway (`GET /verify/nginx`), and who issued the tokens.

import { createServer } from 'node:http';
import { argv, stdout } from 'node:process';

/** The issuer of the access tokens, which is their audience as well, and the address of its keys. */
export const [issuer, jwksUri] = argv.slice(2);

/** Gives each request the address and method that it had at the gateway, as if it had come from there directly. */
export function asAsked(request) {
  const { pathname, search, host, protocol } = new URL(request.headers['x-original-url']);
  request.url = pathname + search;
  request.method = request.headers['x-original-method'];
  request.headers.host = host;
  request.headers['x-forwarded-host'] = host;
  request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
  return request;
}

/** Listens on a free port and prints the address. */
export function listen(answer) {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1', () => {
    const { address, port } = server.address();
    stdout.write(`${address}:${port}\n`);
  });
}
