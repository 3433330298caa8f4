//! Help that teaches.

use crate::Failure;

/// What somebody wants to know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Attack,
    Everything,
    Load,
}

impl Topic {
    /// The topic of a verb.
    pub(super) fn named(verb: &str) -> Result<Self, Failure> {
        match verb {
            "attack" => Ok(Self::Attack),
            "load" => Ok(Self::Load),
            "" | "get" | "login" | "refresh" | "token" => Ok(Self::Everything),
            unknown => Err(Failure::Usage(format!("there is no verb `{unknown}`"))),
        }
    }
}

/// The text about a topic.
pub(super) fn about(topic: Topic) -> &'static str {
    match topic {
        Topic::Attack => ATTACK,
        Topic::Everything => EVERYTHING,
        Topic::Load => LOAD,
    }
}

const EVERYTHING: &str = "\
holdfast-sim: a simulated browser with device keys, an OAuth client, and a thief.

It plays all of a site but Holdfast itself: the browser that keeps Chromium's rules for device bound sessions,
the client whose tokens are bound to its key by DPoP, the app's back end that holds the API token, and the one
who copied cookies and tokens. Start `holdfast dev`
in one terminal; in the same directory this finds its token, its CA and its audit file.

  holdfast-sim login               log in, register a key, show the bound session
  holdfast-sim get /account        open a page with that session; refreshes first when the cookie is gone
  holdfast-sim refresh             prove the key now, and renew the tokens if there are any
  holdfast-sim token --client-id shop-cli
                                   log in as an OAuth client, redeem the code, keep the tokens
  holdfast-sim get /account --dpop open a page with the access token and a proof
  holdfast-sim attack all          be the thief, in every way it knows (`attack --help`)
  holdfast-sim load check          ask many times a second (`load --help`)

WHERE
  --origin URL        the site as browsers know it            [https://localhost:8443]
  --public URL        where its public listener really is     [the origin]
                      http:// for a server with tls = \"off\"; the browser still believes in the origin
  --api URL           the internal listener                   [http://127.0.0.1:8444]
  --token-file FILE   the app's API token                     [$HOLDFAST_SIM_TOKEN, .holdfast-dev/api.token]
  --ca FILE           roots to trust, PEM                     [.holdfast-dev/ca.pem if it exists]
  --audit FILE        the server's audit file                 [.holdfast-dev/audit.jsonl if it exists]
  --cookie-name NAME  the session cookie                      [__Host-holdfast]

AS WHOM
  --user NAME         who logs in                             [alice]
  --state FILE        cookies, sessions, tokens and keys, mode 0600   [holdfast-sim.json]
  --key KIND          software, or tpm                        [software]
  --tcti STRING       how to reach the TPM                    [$TCTI, swtpm:host=127.0.0.1,port=2321]
  --algorithm NAME    browsers: only ES256, or only RS256     [both; a TPM: ES256]
                      OAuth clients: ES256, EdDSA, PS256 or RS256   [ES256]
  --no-quota          sign more than 6 times in 9 minutes

AS WHICH OAUTH CLIENT
  --client-id NAME    one that the server knows               [$HOLDFAST_SIM_CLIENT_ID]
  --redirect-uri URI  one of its redirect URIs                [http://127.0.0.1/callback]
  --scope TEXT        what to ask for                         [nothing in particular]
  --audience URL      where the tokens shall be good          [the origin]
  --client-secret-file FILE   the secret of a confidential client   [a public one]

Codes are always asked for with PKCE and bound to the client's key. A URL that is not on the origin is called
directly; the pages of the origin are answered by the simulated app, which asks the internal API.

  --json              one JSON document instead of text

Exit: 0 everything held that it was asked to show, 1 something failed or did not hold, 2 wrong usage.
";

const ATTACK: &str = "\
holdfast-sim attack [NAME...|dbsc|dpop|all]: be the thief.

Each attack logs in a fresh victim, steals or forges something, and uses it. It prints what the thief had, did
and got, what the server wrote into its audit file meanwhile, and a verdict. An attack holds only if its outcome
is the promised one and the owner noticed nothing: same session, pages still allowed, refresh still possible.
The victims of `dbsc` are browsers, those of `dpop` OAuth clients; `all` plays the latter if --client-id is given.

  --list              the names, each with its promise
  --overlap TIME      how long a replaced cookie stays good by the server's configuration   [30s]
  --max-wait TIME     the longest to wait for a cookie or a proof to expire                 [15m]

  --proof-age TIME    how old a proof may be by the server's configuration, [dpop] max_age  [60s]
  --proof-skew TIME   how far clocks may be off by it, [dpop] skew                          [15s]
  --nonce-life TIME   how long a nonce lives by it, [dpop] nonce_life                       [5m]
  --restart-command COMMAND   what restarts the server; it need not answer yet when the command ends
  --restart-by-hand   you restart the server when asked to, and press Enter

`stolen-bound-cookie-expired` waits for as long as a bound cookie lives (10 minutes by default);
`stolen-bound-cookie-fresh` for about as long as the overlap; `replayed-dpop-proof-after-its-life` for
about 100 seconds, or as long as a nonce lives if the server wants one from everybody. An attack on tokens that
may not wait so long, or that has nobody to restart the server, says that it was not run; that is a failure
only if it was asked for by its name.

The other options: `holdfast-sim --help`.
";

const LOAD: &str = "\
holdfast-sim load KIND: ask many times a second, over plain http.

  check      POST /v1/check
  verify     GET /verify/nginx
  page       GET a page behind a gateway (--target), with the cookie of a bound session
  refresh    DBSC refreshes, each signed on the fly
  register   DBSC registrations, one for each prepared session
  sessions   only create and bind sessions
  url URL    GET any URL, for comparison

  dpop-check     POST /v1/check with an access token and proofs that are signed beforehand
  dpop-verify    GET /verify/nginx with the same
  dpop-refresh   refreshes of tokens, each with a proof that is signed on the fly

  --sessions N                 sessions to prepare                        [100]
  --connections C              connections that ask at once               [32]
  --seconds S                  for how long                               [10]
  --warm                       for check, verify, page and url: ask each question once before
                               counting; for dpop-check and dpop-verify: one of each session
  --pid PID                    count the CPU time of this server process
  --gateway-secret-file FILE   for verify and dpop-verify: the gateway's secret
  --proofs N                   proofs to sign beforehand; each is used once,
                               and with the last the load is over         [20000 a second]
  --nonces                     sign them with a nonce. Without one they are good for as long
                               as the server's max_age and skew say, signing included
  --rate N                     ask N times a second, on all connections together. A question
                               that must wait for its connection is counted from when it was due
  --target URL                 for dpop-verify: ask that server, with tokens of this one;
                               for page: the page, at the gateway
  --presigned                  for refresh: sign the first of each session beforehand
  --afterwards                 for refresh: when the load is over, have each session refresh
                               once more, calmly, and count what is answered

The loads of OAuth clients need --client-id. Sessions are prepared through the real endpoints, so --public must
be plain http for all but `url`.
Exit 0 only if every request was answered with success. The other options: `holdfast-sim --help`.
";
