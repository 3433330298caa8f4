//! A proof that the owner's key made for one request, with another request.

use http::Method;
use url::Url;

use crate::Failure;
use crate::oauth::TOKEN_ENDPOINT;
use crate::thief::token_trial::TokenTrial;
use crate::wire::dpop::Claims;

/// Other pages, and other spellings that are other pages.
pub(in crate::thief) async fn for_another_url(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and unused proofs of the owner's for other addresses");
    let page = trial.page()?;
    let another_host =
        Url::parse("https://evil.example/account").map_err(|e| Failure::Usage(e.to_string()))?;
    let other_scheme = if page.scheme() == "https" { "http" } else { "https" };
    let other_scheme = page.to_string().replacen(page.scheme(), other_scheme, 1);
    let others = [
        trial.setup.origin.at("/")?.to_string(),
        format!("{page}/"),
        format!("{page}s"),
        page.to_string().replacen("/account", "//account", 1),
        page.to_string().replacen("/account", "/Account", 1),
        page.to_string().replacen("/account", "/%2Faccount", 1),
        trial.setup.origin.at(TOKEN_ENDPOINT)?.to_string(),
        another_host.to_string(),
        other_scheme,
        page.path().to_owned(),
    ];
    for htu in others {
        let did = format!("used a proof for {htu}");
        with_claims(trial, &did, |claims| claims.htu = htu).await?;
    }
    Ok(())
}

/// Reading was signed, writing is wanted; and the other way round.
pub(in crate::thief) async fn for_another_method(trial: &mut TokenTrial<'_>) -> Result<(), Failure> {
    trial.redeem().await?;
    trial.report.had("the access token, and unused proofs of the owner's for other methods");
    for htm in ["POST", "HEAD", "get", ""] {
        let did = format!("used a proof for `{htm}` to GET");
        with_claims(trial, &did, |claims| claims.htm = htm.to_owned()).await?;
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let proof = trial.owners_proof().await?;
        let request = trial.presented(&method, trial.page()?, "DPoP", Some(&proof))?;
        let did = format!("used a proof for GET to {method}");
        trial.show_refused(&did, &request, &["invalid_dpop_proof"]).await?;
    }
    Ok(())
}

/// Shows a proof of the owner's over changed claims, which must be refused.
async fn with_claims(
    trial: &mut TokenTrial<'_>,
    did: &str,
    change: impl FnOnce(&mut Claims),
) -> Result<(), Failure> {
    let mut claims = trial.owners_claims()?;
    change(&mut claims);
    let proof = trial.owner.prove(&claims).await?;
    let request = trial.stolen(Some(&proof))?;
    trial.show_refused(did, &request, &["invalid_dpop_proof"]).await
}
