// Node 18, which Debian 12 has, keeps WebCrypto in a module. The libraries look for it where browsers have it.
// This must be imported before them.

import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
