//! Policies of the operator's own, and what becomes of bad ones.

use anyhow::Result;
use holdfast_tests::server::{Server, Settings};
use serde_json::json;

use super::scene::{CHROME, HOME, NEW_YORK, at, located, with_policies, write_databases};

const PERMIT: &str = "permit (principal, action, resource);\n";

#[tokio::test]
async fn policies_see_groups_routes_methods_and_the_binding() -> Result<()> {
    let text = format!(
        r#"{PERMIT}
@id("staff-only") @decision("deny") @says("Staff only.")
forbid (principal, action, resource) when {{ resource.tags.contains("admin") }} unless {{ principal in Group::"staff" }};
@id("admin-needs-hardware") @decision("step_up")
forbid (principal in Group::"staff", action, resource) when {{ resource.tags.contains("admin") && context.binding.strength < 2 }};
@id("home-only") @decision("deny") @mode("observe")
forbid (principal, action, resource) when {{ context.network has country && context.network.country != "GB" }};
"#
    );
    let settings =
        Settings::default().set("policy.mode", "enforce").route(0, "/admin/", &[("tags", "admin")]);
    let server = with_policies(&text, settings).await?;
    let client = at(HOME, CHROME);
    let plain = client.login(&server).await?;
    assert_eq!(client.check(&server, &plain.cookie).await?.verdict(), ("allow", "ok"));
    let denied = client.check_at(&server, &plain.cookie, "/admin/users").await?;
    assert_eq!((denied.verdict(), denied.at("/status")), (("deny", "policy_denied"), &json!(403)));
    assert_eq!(denied.text_at("/detail")?, "Staff only.");

    let staff = client.login_with(&server, json!({ "attributes": { "groups": ["staff"] } })).await?;
    let weak = client.check_at(&server, &staff.cookie, "/admin/users").await?;
    assert_eq!(weak.verdict(), ("step_up", "risk_step_up"));
    let bound = client.bind(&server, &staff).await?;
    assert_eq!(client.check_at(&server, &bound.cookie, "/admin/users").await?.verdict(), ("allow", "ok"));
    assert_eq!(at(NEW_YORK, CHROME).check(&server, &bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_policy_that_fails_refuses_and_is_loud() -> Result<()> {
    let text = format!(
        "{PERMIT}@id(\"overflow\") forbid (principal, action, resource) when {{ context.session_age * \
         9223372036854775807 > 5 }};"
    );
    let server = with_policies(&text, Settings::default().set("policy.mode", "enforce")).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &login.cookie).await?.verdict(), ("allow", "ok"));
    server.advance(5);
    assert_eq!(at(HOME, CHROME).check(&server, &login.cookie).await?.verdict(), ("deny", "policy_denied"));
    let failed = server.audit().wait_for("policy.failed", 1).await?;
    assert!(failed[0]["detail"].as_str().is_some_and(|detail| detail.contains("overflow")), "{failed:?}");
    Ok(())
}

#[tokio::test]
async fn bad_policies_do_not_start_and_do_not_replace_good_ones() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_databases(&folder)?;
    let file = folder.path().join("policy.cedar");
    std::fs::write(
        &file,
        format!("{PERMIT}\n\n@id(\"x\") forbid (principal, action, resource) when {{ context.rsik > 5 }};"),
    )?;
    let settings =
        located(Settings::default().set("policy.file", "policy.cedar").set("policy.mode", "enforce"));
    let Err(refused) = Server::in_folder(folder, settings.clone()).await else {
        anyhow::bail!("it started with policies that are not in order");
    };
    let says = format!("{refused:#}");
    assert!(says.contains("policy.file") && says.contains("line 4") && says.contains("rsik"), "{says}");

    let deny = format!("{PERMIT}@id(\"nobody\") forbid (principal, action, resource);");
    let server = with_policies(&deny, Settings::default().set("policy.mode", "enforce")).await?;
    let login = at(HOME, CHROME).login(&server).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &login.cookie).await?.verdict(), ("deny", "policy_denied"));
    let file = server.folder().join("policy.cedar");
    std::fs::write(&file, "permit (principal")?;
    assert!(server.reload(settings.clone()).await.is_err());
    assert_eq!(at(HOME, CHROME).check(&server, &login.cookie).await?.verdict(), ("deny", "policy_denied"));
    std::fs::write(&file, PERMIT)?;
    server.reload(settings).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &login.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test]
async fn a_set_that_permits_nobody_but_some_refuses_the_rest() -> Result<()> {
    let text = "permit (principal == User::\"bob\", action, resource);";
    let server = with_policies(text, Settings::default().set("policy.mode", "enforce")).await?;
    let alice = at(HOME, CHROME).login(&server).await?;
    let bob = at(HOME, CHROME).login_with(&server, json!({ "user": "bob" })).await?;
    assert_eq!(at(HOME, CHROME).check(&server, &alice.cookie).await?.verdict(), ("deny", "policy_denied"));
    assert_eq!(at(HOME, CHROME).check(&server, &bob.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

/// Nobody is refused while policies only observe, whatever is wrong with them; and it is told.
#[tokio::test]
async fn a_set_that_only_observes_refuses_nobody_and_is_loud() -> Result<()> {
    let nobody = "permit (principal == User::\"bob\", action, resource);";
    let fails =
        "permit (principal, action, resource) when { context.session_age * 9223372036854775807 > 5 };";
    for (text, event, says) in
        [(nobody, "risk.raised", "no policy permits"), (fails, "policy.failed", "overflow")]
    {
        let server = with_policies(text, Settings::default().set("policy.mode", "observe")).await?;
        let alice = at(HOME, CHROME).login(&server).await?;
        server.advance(5);
        for _ in 0..3 {
            let answer = at(HOME, CHROME).check(&server, &alice.cookie).await?;
            assert_eq!(answer.verdict(), ("allow", "ok"), "{text}");
        }
        let told = server.audit().wait_for(event, 1).await?;
        assert!(told[0]["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{told:?}");
    }
    Ok(())
}
