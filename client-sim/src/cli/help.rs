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
            "" | "get" | "login" | "refresh" => Ok(Self::Everything),
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
holdfast-sim: a simulated browser with device keys, and a thief.

It plays all of a site but Holdfast itself: the browser that keeps Chromium's rules for device bound sessions,
the app's back end that holds the API token, and the one who copied the browser's cookies. Start `holdfast dev`
in one terminal; in the same directory this finds its token, its CA and its audit file.

  holdfast-sim login               log in, register a key, show the bound session
  holdfast-sim get /account        open a page with that session; refreshes first when the cookie is gone
  holdfast-sim refresh             prove the key now
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
  --state FILE        cookies, sessions and keys, mode 0600   [holdfast-sim.json]
  --key KIND          software, or tpm                        [software]
  --tcti STRING       how to reach the TPM                    [$TCTI, swtpm:host=127.0.0.1,port=2321]
  --algorithm NAME    only ES256, or only RS256               [both; a TPM: ES256]
  --no-quota          sign more than 6 times in 9 minutes

  --json              one JSON document instead of text

Exit: 0 everything held that it was asked to show, 1 something failed or did not hold, 2 wrong usage.
";

const ATTACK: &str = "\
holdfast-sim attack [NAME...|all]: be the thief.

Each attack logs in a fresh victim, steals or forges something, and uses it. It prints what the thief had, did
and got, what the server wrote into its audit file meanwhile, and a verdict. An attack holds only if its outcome
is the promised one and the owner noticed nothing: same session, pages still allowed, refresh still possible.

  --list              the names, each with its promise
  --overlap TIME      how long a replaced cookie stays good by the server's configuration   [30s]
  --max-wait TIME     the longest to wait for a cookie to expire                            [15m]

`stolen-bound-cookie-expired` waits for as long as a bound cookie lives (10 minutes by default);
`stolen-bound-cookie-fresh` for about as long as the overlap. The other options: `holdfast-sim --help`.
";

const LOAD: &str = "\
holdfast-sim load KIND: ask many times a second, over plain http.

  check      POST /v1/check
  verify     GET /verify/nginx
  refresh    DBSC refreshes, each signed on the fly
  register   DBSC registrations, one for each prepared session
  sessions   only create and bind sessions
  url URL    GET any URL, for comparison

  --sessions N                 sessions to prepare                        [100]
  --connections C              connections that ask at once               [32]
  --seconds S                  for how long                               [10]
  --warm                       for check, verify and url: ask each question once before
                               counting
  --pid PID                    count the CPU time of this server process
  --gateway-secret-file FILE   for verify: the gateway's secret

Sessions are prepared through the real endpoints, so --public must be plain http for all but `url`.
Exit 0 only if every request was answered with success. The other options: `holdfast-sim --help`.
";
