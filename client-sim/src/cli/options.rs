//! Arguments to options. After this nothing is checked again.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};
use url::Url;

use super::help::Topic;
use crate::clock::SystemClock;
use crate::key::{Algorithm, KeyMaker, Place};
use crate::load::{Kind, Plan};
use crate::oauth::{REDIRECT_URI, Registration};
use crate::origin::Origin;
use crate::restart::{ByCommand, ByHand, SharedRestart};
use crate::{Failure, Setup};

/// What to do.
pub(super) enum Command {
    Help(Topic),
    Run(Box<Options>),
}

/// A verb with its own arguments.
pub(super) enum Verb {
    Attack(Vec<String>),
    Attacks,
    Get(String),
    GetWithToken(String),
    Load(Box<Plan>),
    Login,
    Refresh,
    Token,
}

/// Everything from the command line and the environment.
pub(super) struct Options {
    pub(super) verb: Verb,
    pub(super) setup: Setup,
    pub(super) state: PathBuf,
    pub(super) user: String,
    pub(super) json: bool,
}

/// Options as they are written, before they are put together.
#[derive(Default)]
struct Written {
    words: Vec<String>,
    help: bool,
    list: bool,
    json: bool,
    no_quota: bool,
    tpm: bool,
    algorithm: Option<Algorithm>,
    tcti: Option<String>,
    state: Option<PathBuf>,
    user: Option<String>,
    origin: Option<String>,
    public: Option<String>,
    api: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    audit: Option<PathBuf>,
    cookie_name: Option<String>,
    overlap: Option<Duration>,
    max_wait: Option<Duration>,
    sessions: Option<usize>,
    connections: Option<usize>,
    seconds: Option<u64>,
    warm: bool,
    pid: Option<u32>,
    gateway_secret_file: Option<PathBuf>,
    dpop: bool,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    audience: Option<String>,
    proof_age: Option<Duration>,
    proof_skew: Option<Duration>,
    nonce_life: Option<Duration>,
    restart_command: Option<String>,
    restart_by_hand: bool,
    proofs: Option<usize>,
    nonces: bool,
    rate: Option<NonZeroU32>,
    target: Option<String>,
    afterwards: bool,
    presigned: bool,
}

/// Reads the command line.
pub(super) fn parse(parser: Parser) -> Result<Command, Failure> {
    let written = Written::read(parser)?;
    let (verb, rest) = written.words.split_first().map_or(("", &[][..]), |(v, rest)| (v.as_str(), rest));
    if written.help || verb.is_empty() || verb == "help" {
        return Topic::named(if verb == "help" { rest.first().map_or("", String::as_str) } else { verb })
            .map(Command::Help);
    }
    let bare = verb == "load" && rest.first().is_some_and(|kind| kind == "url");
    let needs_app = !bare && !written.list;
    let verb = written.verb(verb, rest)?;
    let setup = written.setup(needs_app)?;
    let state = written.state.unwrap_or_else(|| PathBuf::from("holdfast-sim.json"));
    let user = written.user.unwrap_or_else(|| "alice".to_owned());
    Ok(Command::Run(Box::new(Options { verb, setup, state, user, json: written.json })))
}

impl Written {
    fn read(mut parser: Parser) -> Result<Self, Failure> {
        let mut written = Self::default();
        while let Some(arg) = parser.next().map_err(usage)? {
            match arg {
                Arg::Value(word) => written.words.push(text(word)?),
                Arg::Short('h') | Arg::Long("help") => written.help = true,
                Arg::Long(name) => {
                    let name = name.to_owned();
                    written.option(&name, &mut parser)?;
                }
                Arg::Short(_) => return Err(usage(arg.unexpected())),
            }
        }
        Ok(written)
    }

    fn option(&mut self, name: &str, parser: &mut Parser) -> Result<(), Failure> {
        let mut value = || parser.value().map_err(usage);
        match name {
            "json" => self.json = true,
            "list" => self.list = true,
            "no-quota" => self.no_quota = true,
            "key" => self.tpm = one_of(&text(value()?)?, "--key", &[("software", false), ("tpm", true)])?,
            "algorithm" => {
                let known = [
                    ("ES256", Algorithm::Es256),
                    ("RS256", Algorithm::Rs256),
                    ("EdDSA", Algorithm::EdDsa),
                    ("PS256", Algorithm::Ps256),
                ];
                self.algorithm = Some(one_of(&text(value()?)?, "--algorithm", &known)?);
            }
            "tcti" => self.tcti = Some(text(value()?)?),
            "state" => self.state = Some(value()?.into()),
            "user" => self.user = Some(text(value()?)?),
            "origin" => self.origin = Some(text(value()?)?),
            "public" => self.public = Some(text(value()?)?),
            "api" => self.api = Some(text(value()?)?),
            "token-file" => self.token_file = Some(value()?.into()),
            "ca" => self.ca = Some(value()?.into()),
            "audit" => self.audit = Some(value()?.into()),
            "cookie-name" => self.cookie_name = Some(text(value()?)?),
            "overlap" => self.overlap = Some(duration(&text(value()?)?)?),
            "max-wait" => self.max_wait = Some(duration(&text(value()?)?)?),
            "sessions" => self.sessions = Some(value()?.parse().map_err(usage)?),
            "connections" => self.connections = Some(value()?.parse().map_err(usage)?),
            "warm" => self.warm = true,
            "seconds" => self.seconds = Some(value()?.parse().map_err(usage)?),
            "pid" => self.pid = Some(value()?.parse().map_err(usage)?),
            "gateway-secret-file" => self.gateway_secret_file = Some(value()?.into()),
            "dpop" => self.dpop = true,
            "client-id" => self.client_id = Some(text(value()?)?),
            "client-secret-file" => self.client_secret_file = Some(value()?.into()),
            "redirect-uri" => self.redirect_uri = Some(text(value()?)?),
            "scope" => self.scope = Some(text(value()?)?),
            "audience" => self.audience = Some(text(value()?)?),
            "proof-age" => self.proof_age = Some(duration(&text(value()?)?)?),
            "proof-skew" => self.proof_skew = Some(duration(&text(value()?)?)?),
            "nonce-life" => self.nonce_life = Some(duration(&text(value()?)?)?),
            "restart-command" => self.restart_command = Some(text(value()?)?),
            "restart-by-hand" => self.restart_by_hand = true,
            "proofs" => self.proofs = Some(value()?.parse().map_err(usage)?),
            "nonces" => self.nonces = true,
            "rate" => self.rate = Some(value()?.parse().map_err(usage)?),
            "presigned" => self.presigned = true,
            "afterwards" => self.afterwards = true,
            "target" => self.target = Some(text(value()?)?),
            unknown => return Err(Failure::Usage(format!("there is no option --{unknown}"))),
        }
        Ok(())
    }

    fn verb(&self, verb: &str, rest: &[String]) -> Result<Verb, Failure> {
        match (verb, rest) {
            ("attack", _) if self.list => Ok(Verb::Attacks),
            ("attack", names) => Ok(Verb::Attack(names.to_vec())),
            ("get", [url]) if self.dpop => Ok(Verb::GetWithToken(url.clone())),
            ("get", [url]) => Ok(Verb::Get(url.clone())),
            ("get", _) => Err(Failure::Usage("get needs one URL, or a path on the origin".to_owned())),
            ("load", [kind]) => self.plan(kind, None).map(Box::new).map(Verb::Load),
            ("load", [kind, url]) => self.plan(kind, Some(url)).map(Box::new).map(Verb::Load),
            ("load", _) => Err(Failure::Usage("load needs a kind of request".to_owned())),
            ("login", []) => Ok(Verb::Login),
            ("refresh", []) => Ok(Verb::Refresh),
            ("token", []) => Ok(Verb::Token),
            ("login" | "refresh" | "token", _) => {
                Err(Failure::Usage(format!("{verb} takes no further words")))
            }
            (unknown, _) => Err(Failure::Usage(format!("there is no verb `{unknown}`"))),
        }
    }

    fn plan(&self, kind: &str, target: Option<&String>) -> Result<Plan, Failure> {
        let kind = match (kind, target) {
            ("check", None) => Kind::Check,
            ("dpop-check", None) => Kind::DpopCheck,
            ("dpop-refresh", None) => Kind::DpopRefresh,
            ("dpop-verify", None) => Kind::DpopVerify,
            ("page", None) => Kind::Page,
            ("refresh", None) => Kind::Refresh,
            ("register", None) => Kind::Register,
            ("sessions", None) => Kind::Sessions,
            ("verify", None) => Kind::Verify,
            ("url", Some(target)) => Kind::Url(url(target)?),
            _ => {
                let kinds = "check, verify, page, refresh, register, sessions, dpop-check, dpop-verify, \
                             dpop-refresh, or `url URL`";
                return Err(Failure::Usage(format!("load speaks {kinds}, not `{kind}`")));
            }
        };
        if self.target.is_some() && !matches!(kind, Kind::DpopVerify | Kind::Page) {
            return Err(Failure::Usage("--target is for `load dpop-verify` and `load page`".to_owned()));
        }
        if self.target.is_none() && kind == Kind::Page {
            return Err(Failure::Usage("`load page` needs --target, the page behind the gateway".to_owned()));
        }
        if (self.afterwards || self.presigned) && kind != Kind::Refresh {
            return Err(Failure::Usage("--afterwards and --presigned are for `load refresh`".to_owned()));
        }
        let secret = self.gateway_secret_file.as_deref().map(read_line).transpose()?;
        let seconds = self.seconds.unwrap_or(10);
        let enough = usize::try_from(seconds).unwrap_or(usize::MAX).saturating_mul(PROOFS_A_SECOND);
        Ok(Plan {
            kind,
            sessions: self.sessions.unwrap_or(100).max(1),
            connections: self.connections.unwrap_or(32).max(1),
            span: Duration::from_secs(seconds),
            warm: self.warm,
            proofs: self.proofs.unwrap_or(enough),
            nonces: self.nonces,
            pid: self.pid,
            gateway_secret: secret,
            rate: self.rate,
            target: self.target.as_deref().map(url).transpose()?,
            afterwards: self.afterwards,
            presigned: self.presigned,
        })
    }

    fn setup(&self, needs_app: bool) -> Result<Setup, Failure> {
        let origin = Origin::parse(self.origin.as_deref().unwrap_or("https://localhost:8443"))?;
        let public = self.public.as_deref().map_or_else(|| origin.at("/"), url)?;
        let api = url(self.api.as_deref().unwrap_or("http://127.0.0.1:8444"))?;
        let token = if needs_app { self.token()? } else { String::new() };
        let mut setup = Setup::new(origin, public, api, token, Arc::new(SystemClock));
        setup.ca = self.ca.clone().or_else(|| if_present(".holdfast-dev/ca.pem"));
        setup.audit = self.audit.clone().or_else(|| if_present(".holdfast-dev/audit.jsonl"));
        setup.cookie_name = self.cookie_name.clone().unwrap_or(setup.cookie_name);
        setup.overlap = self.overlap.unwrap_or(setup.overlap);
        setup.max_wait = self.max_wait.unwrap_or(setup.max_wait);
        setup.quota = !self.no_quota;
        setup.keys = self.keys();
        setup.client = self.client()?;
        setup.proof_age = self.proof_age.unwrap_or(setup.proof_age);
        setup.proof_skew = self.proof_skew.unwrap_or(setup.proof_skew);
        setup.nonce_life = self.nonce_life.unwrap_or(setup.nonce_life);
        setup.restart = self.restart();
        Ok(setup)
    }

    fn client(&self) -> Result<Option<Registration>, Failure> {
        let Some(client_id) = self.client_id.clone().or_else(|| environment("HOLDFAST_SIM_CLIENT_ID")) else {
            let orphan = self.scope.is_some()
                || self.audience.is_some()
                || self.redirect_uri.is_some()
                || self.client_secret_file.is_some();
            let why = "--scope, --audience, --redirect-uri and --client-secret-file need --client-id";
            return if orphan { Err(Failure::Usage(why.to_owned())) } else { Ok(None) };
        };
        Ok(Some(Registration {
            client_id,
            redirect_uri: self.redirect_uri.clone().unwrap_or_else(|| REDIRECT_URI.to_owned()),
            scope: self.scope.clone(),
            audience: self.audience.clone(),
            secret: self.client_secret_file.as_deref().map(read_line).transpose()?,
        }))
    }

    fn restart(&self) -> Option<SharedRestart> {
        match (&self.restart_command, self.restart_by_hand) {
            (Some(command), _) => Some(Arc::new(ByCommand(command.clone()))),
            (None, true) => Some(Arc::new(ByHand)),
            (None, false) => None,
        }
    }

    fn keys(&self) -> KeyMaker {
        if !self.tpm {
            let algorithms = self.algorithm.map_or(Algorithm::BROWSER.to_vec(), |algorithm| vec![algorithm]);
            return KeyMaker { place: Place::Software, algorithms };
        }
        let tcti = self.tcti.clone().or_else(|| environment("TCTI"));
        let tcti = tcti.unwrap_or_else(|| "swtpm:host=127.0.0.1,port=2321".to_owned());
        // Without a wish, a TPM browser knows what it can make a key for.
        let algorithms = vec![self.algorithm.unwrap_or(Algorithm::Es256)];
        KeyMaker { place: Place::Tpm(tcti), algorithms }
    }

    fn token(&self) -> Result<String, Failure> {
        if let Some(path) = &self.token_file {
            return read_line(path);
        }
        match (environment("HOLDFAST_SIM_TOKEN"), if_present(".holdfast-dev/api.token")) {
            (Some(token), _) => Ok(token),
            (None, Some(path)) => read_line(&path),
            (None, None) => Err(Failure::Usage(NO_TOKEN.to_owned())),
        }
    }
}

/// `500ms`, `30s`, `5m`, `24h`.
fn duration(written: &str) -> Result<Duration, Failure> {
    let wrong = || Failure::Usage(format!("`{written}` is not a duration: write 500ms, 30s, 5m or 24h"));
    let split = written.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = written.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_millis(number.saturating_mul(milliseconds)))
}

fn url(written: &str) -> Result<Url, Failure> {
    let url =
        Url::parse(written).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        Failure::Usage(format!("`{written}` is not a URL: write http://host:port or https://…"))
    })
}

fn one_of<T: Copy>(written: &str, option: &str, known: &[(&str, T)]) -> Result<T, Failure> {
    let found = known.iter().find(|(name, _)| *name == written).map(|(_, value)| *value);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    found.ok_or_else(|| Failure::Usage(format!("{option} is one of {}, not `{written}`", names.join(", "))))
}

fn text(word: OsString) -> Result<String, Failure> {
    word.string().map_err(usage)
}

fn usage(error: lexopt::Error) -> Failure {
    Failure::Usage(error.to_string())
}

fn read_line(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
    Ok(text.trim().to_owned())
}

fn if_present(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.exists())
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read once")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// More than a core checks.
const PROOFS_A_SECOND: usize = 20_000;

const NO_TOKEN: &str = "no API token: name a file with --token-file, or set HOLDFAST_SIM_TOKEN, \
                        or start where `holdfast dev` keeps .holdfast-dev/";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Command, Failure> {
        parse(Parser::from_args(args.iter().copied()))
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("5m").unwrap(), Duration::from_secs(300));
        for wrong in ["5", "m", "", "5 m", "-1s", "5d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_and_help_teach() {
        assert!(matches!(read(&[]), Ok(Command::Help(Topic::Everything))));
        assert!(matches!(read(&["load", "--help"]), Ok(Command::Help(Topic::Load))));
        assert!(matches!(read(&["help", "attack"]), Ok(Command::Help(Topic::Attack))));
    }

    #[test]
    fn wrong_usage_is_wrong_usage() {
        for wrong in [
            &["fly"][..],
            &["login", "now"],
            &["get"],
            &["load", "fast"],
            &["login", "--colour"],
            &["login", "--key", "gold"],
            &["login", "--origin", "https://a.example/x"],
            &["load", "url", "ftp://a.example"],
            &["load", "check", "--target", "http://127.0.0.1:1", "--token-file", "/dev/null"],
            &["load", "page", "--token-file", "/dev/null"],
            &["load", "check", "--afterwards", "--token-file", "/dev/null"],
            &["load", "check", "--rate", "0"],
            &["token", "now"],
            &["token", "--scope", "read", "--token-file", "/dev/null"],
            &["login", "--algorithm", "HS256"],
        ] {
            assert!(matches!(read(wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }

    #[test]
    fn an_oauth_client_needs_no_more_than_a_name() {
        let args = ["token", "--client-id", "shop-cli", "--token-file", "/dev/null", "--algorithm", "PS256"];
        let Ok(Command::Run(options)) = read(&args) else { panic!("a good command line") };
        assert!(matches!(options.verb, Verb::Token));
        assert_eq!(options.setup.client, Some(Registration::public("shop-cli")));
        assert_eq!(options.setup.keys.algorithms, [Algorithm::Ps256]);
        let args = ["load", "dpop-check", "--seconds", "3", "--token-file", "/dev/null"];
        let Ok(Command::Run(options)) = read(&args) else { panic!("a good command line") };
        let Verb::Load(plan) = options.verb else { panic!("a load") };
        assert_eq!((plan.kind.name(), plan.proofs), ("dpop-check", 60_000));
    }

    #[test]
    fn a_url_load_needs_no_token() {
        let Ok(Command::Run(options)) = read(&["load", "url", "http://127.0.0.1:1/x", "--seconds", "2"])
        else {
            panic!("a good command line");
        };
        let Verb::Load(plan) = options.verb else { panic!("a load") };
        assert_eq!((plan.kind.name(), plan.span), ("url", Duration::from_secs(2)));
    }
}
