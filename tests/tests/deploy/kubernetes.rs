//! The manifests, read as the cluster would, beside the configuration that they mount.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::files::{configuration, deploy, port, text, value};
use crate::yaml::documents;

/// Every manifest of a folder.
fn manifests(folder: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(deploy("kubernetes").join(folder))? {
        let path = entry?.path();
        let is_manifest = path.extension().is_some_and(|ending| ending == "yaml");
        if is_manifest && !path.ends_with("kustomization.yaml") {
            all.extend(
                documents(&std::fs::read_to_string(&path)?).with_context(|| path.display().to_string())?,
            );
        }
    }
    Ok(all)
}

fn of_kind(folder: &str, kind: &str) -> Result<Vec<Value>> {
    Ok(manifests(folder)?.into_iter().filter(|manifest| manifest["kind"] == kind).collect())
}

fn kustomization(folder: &str) -> Result<Value> {
    Ok(documents(&text(&format!("kubernetes/{folder}/kustomization.yaml"))?)?.remove(0))
}

/// The pod of a folder's deployment, and the container of Holdfast in it.
fn pod(folder: &str) -> Result<(Value, Value)> {
    let deployment = of_kind(folder, "Deployment")?.pop().context("no deployment")?;
    let pod = deployment["spec"]["template"]["spec"].clone();
    let containers =
        ["containers", "initContainers"].map(|name| pod[name].as_array().cloned().unwrap_or_default());
    let holdfast = containers.concat().into_iter().find(|container| container["name"] == "holdfast");
    Ok((deployment, holdfast.context("no container")?))
}

#[test]
fn every_manifest_has_its_kind_and_version_and_is_applied() -> Result<()> {
    for folder in FOLDERS {
        for manifest in manifests(folder)? {
            let kind = manifest["kind"].as_str().context("no kind")?;
            let version = match kind {
                "ConfigMap" | "Namespace" | "PersistentVolumeClaim" | "Service" => "v1",
                "Deployment" => "apps/v1",
                "Ingress" | "NetworkPolicy" => "networking.k8s.io/v1",
                "IngressRoute" | "Middleware" => "traefik.io/v1alpha1",
                "PodDisruptionBudget" => "policy/v1",
                other => anyhow::bail!("a kind that nobody has looked at: {other}"),
            };
            assert_eq!(manifest["apiVersion"], version, "{kind}");
            assert!(manifest["metadata"]["name"].is_string(), "{kind} without a name");
        }
    }
    for folder in ["base", "sidecar"] {
        let listed: BTreeSet<String> = serde_json::from_value(kustomization(folder)?["resources"].clone())?;
        let found = std::fs::read_dir(deploy("kubernetes").join(folder))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml")
            .collect();
        assert_eq!(listed, found, "{folder}");
    }
    Ok(())
}

#[test]
fn the_pods_have_no_privileges() -> Result<()> {
    for folder in ["base", "sidecar"] {
        let (deployment, _) = pod(folder)?;
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{folder}");
        let security = &pod["securityContext"];
        assert_eq!(
            (&security["runAsNonRoot"], &security["runAsUser"]),
            (&json!(true), &json!(65532)),
            "{folder}"
        );
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{folder}");
        for containers in ["containers", "initContainers"] {
            for container in pod[containers].as_array().into_iter().flatten() {
                let security = &container["securityContext"];
                let name = &container["name"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{name}");
                assert_eq!(security.get("privileged"), None, "{name}");
            }
        }
        for member in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(pod.get(member), None, "{folder}: {member}");
        }
    }
    let namespace = of_kind("base", "Namespace")?.pop().context("no namespace")?;
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    Ok(())
}

/// Two processes with one folder would be two sets of sessions.
#[test]
fn there_is_one_pod_and_never_two() -> Result<()> {
    for folder in ["base", "sidecar"] {
        let (deployment, _) = pod(folder)?;
        assert_eq!(deployment["spec"]["replicas"], 1, "{folder}");
        assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate", "{folder}");
        let claim = of_kind(folder, "PersistentVolumeClaim")?.pop().context("no claim")?;
        assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOncePod"]), "{folder}");
    }
    let budget = of_kind("base", "PodDisruptionBudget")?.pop().context("no budget")?;
    assert_eq!(budget["spec"]["maxUnavailable"], 0);
    Ok(())
}

#[test]
fn ports_probes_and_mounts_are_those_of_the_configuration() -> Result<()> {
    for folder in ["base", "sidecar"] {
        let configuration = configuration(&format!("kubernetes/{folder}/holdfast.toml"))?;
        let (deployment, container) = pod(folder)?;
        let mut wanted = json!({ "public": port(&configuration, "public")? });
        let internal = port(&configuration, "internal")?;
        if folder == "base" {
            wanted["internal"] = json!(internal);
        }
        assert_eq!(ports(&container), wanted, "{folder}");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let probe = &container[probe];
            let asked = match probe.get("exec") {
                None => probe["httpGet"] == json!({ "path": "/healthz", "port": "internal" }),
                Some(exec) => {
                    let api = format!("http://127.0.0.1:{internal}");
                    exec["command"] == json!(["/usr/local/bin/holdfast", "healthcheck", "--api", api])
                }
            };
            assert!(asked && probe["failureThreshold"].is_u64(), "{folder}: {probe}");
        }

        let mounts: Vec<&str> = container["volumeMounts"]
            .as_array()
            .context("no mounts")?
            .iter()
            .filter_map(|mount| mount["mountPath"].as_str())
            .collect();
        let paths =
            [("store", "path"), ("secrets", "root_key_file"), ("audit", "file"), ("gateways", "secret_file")];
        for path in paths.iter().filter_map(|(table, key)| value(&configuration, table, key)) {
            assert!(mounts.iter().any(|mount| path.starts_with(&format!("{mount}/"))), "{folder}: {path}");
        }
        assert_eq!(container["args"], json!(["serve", "--config", "/etc/holdfast/config/holdfast.toml"]));
        assert!(mounts.contains(&"/etc/holdfast/config"), "{folder}");

        let volumes =
            deployment["spec"]["template"]["spec"]["volumes"].as_array().context("no volumes")?.clone();
        let generated = kustomization(folder)?;
        let named = |list: &str, name: &Value| {
            generated[list].as_array().into_iter().flatten().any(|made| &made["name"] == name)
        };
        for volume in volumes {
            if let Some(map) = volume.get("configMap") {
                assert!(named("configMapGenerator", &map["name"]), "{map}");
            }
            if let Some(secret) = volume.get("secret") {
                assert!(named("secretGenerator", &secret["secretName"]), "{secret}");
            }
        }
    }
    Ok(())
}

/// The generated Secret has what the configuration looks for, and what it is made from is never committed.
#[test]
fn keys_come_from_files_that_git_ignores() -> Result<()> {
    for (folder, files) in [("base", &["root.key", "gateway.secret"][..]), ("sidecar", &["api.token"])] {
        let generator = &kustomization(folder)?["secretGenerator"][0];
        assert_eq!(generator["files"], json!(files), "{folder}");
        let ignored = text(&format!("kubernetes/{folder}/.gitignore"))?;
        for file in files {
            assert!(ignored.lines().any(|line| line == format!("/{file}")), "{folder}/{file}");
            assert!(!deploy("kubernetes").join(folder).join(file).exists(), "{folder}/{file} is committed");
        }
    }
    assert!(manifests("base")?.iter().all(|manifest| manifest["kind"] != "Secret"));
    Ok(())
}

#[test]
fn services_and_policy_lead_to_the_ports_of_the_pod() -> Result<()> {
    let (deployment, container) = pod("base")?;
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let ports = ports(&container);
    for service in of_kind("base", "Service")? {
        assert_eq!(&service["spec"]["selector"], labels);
        let port = &service["spec"]["ports"][0];
        let name = port["targetPort"].as_str().context("no target")?;
        assert_eq!(port["port"], ports[name]);
        assert_eq!(service["metadata"]["name"], format!("holdfast-{name}"));
        assert_eq!(service["spec"].get("type"), None, "not to be reached from outside the cluster");
    }
    let policy = of_kind("base", "NetworkPolicy")?.pop().context("no policy")?;
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["spec"]["egress"], json!([]));
    for rule in policy["spec"]["ingress"].as_array().context("no rules")? {
        assert!(rule["from"].as_array().is_some_and(|from| !from.is_empty()), "a rule for everybody");
        assert!(ports.get(rule["ports"][0]["port"].as_str().unwrap_or_default()).is_some());
    }
    Ok(())
}

/// Both ask the endpoint of their kind, copy every identity header, and keep Holdfast's own endpoints out of the question.
#[test]
fn forward_auth_asks_as_its_kind_and_copies_every_header() -> Result<()> {
    let traefik = manifests("traefik")?;
    let named = |name: &str| {
        traefik.iter().find(|manifest| manifest["metadata"]["name"] == name).context("not there")
    };
    let check = &named("holdfast-check")?["spec"]["forwardAuth"];
    assert_eq!(check["address"], format!("{INTERNAL}/verify/traefik"));
    assert_eq!(check["trustForwardHeader"], false);
    assert_eq!(check["authResponseHeaders"], json!(HEADERS));
    let forgotten = named("holdfast-forget")?["spec"]["headers"]["customRequestHeaders"].clone();
    for name in HEADERS.iter().flat_map(|name| ["-", "_", "."].map(|mark| name.replace('-', mark))) {
        assert_eq!(forgotten[&name], "", "{name}");
    }
    let routes = named("shop")?["spec"]["routes"].as_array().context("no routes")?.clone();
    let middlewares = |route: &Value| -> Vec<String> {
        let list = route["middlewares"].as_array().into_iter().flatten();
        list.filter_map(|middleware| middleware["name"].as_str().map(str::to_owned)).collect()
    };
    let [own, login, app] = routes.as_slice() else { anyhow::bail!("{} routes", routes.len()) };
    assert!(own["match"].as_str().is_some_and(|rule| rule.contains("PathPrefix(`/_holdfast/`)")));
    assert_eq!(middlewares(own), [""; 0]);
    assert_eq!(middlewares(login), ["holdfast-forget", "login-path"]);
    assert_eq!(middlewares(app), ["holdfast-forget", "holdfast-before", "holdfast-check", "holdfast-after"]);

    let nginx = manifests("ingress-nginx")?;
    let annotation = |name: &str, key: &str| {
        let ingress = nginx
            .iter()
            .find(|manifest| manifest["kind"] == "Ingress" && manifest["metadata"]["name"] == name);
        ingress.map(|ingress| {
            ingress["metadata"]["annotations"][format!("nginx.ingress.kubernetes.io/{key}")].clone()
        })
    };
    assert_eq!(annotation("shop", "auth-url"), Some(json!(format!("{INTERNAL}/verify/nginx"))));
    assert_eq!(annotation("shop", "auth-response-headers"), Some(json!(HEADERS.join(","))));
    assert_eq!(annotation("shop", "auth-proxy-set-headers"), Some(json!("shop/holdfast-question")));
    assert_eq!(annotation("shop", "auth-cache-key"), Some(Value::Null));
    assert_eq!(annotation("shop-holdfast", "auth-url"), Some(Value::Null));
    // What is not asked about would hand on what the client wrote, headers and path.
    let unasked = nginx.iter().filter(|manifest| {
        manifest["kind"] == "Ingress"
            && annotation(manifest["metadata"]["name"].as_str().unwrap_or_default(), "auth-url")
                == Some(Value::Null)
    });
    for ingress in unasked {
        for path in ingress["spec"]["rules"][0]["http"]["paths"].as_array().context("no paths")? {
            assert_eq!(path["backend"]["service"]["name"], "holdfast-public", "{path}");
        }
    }
    // So the login page is opened by Holdfast, before anything that is wider.
    let routes =
        configuration("kubernetes/base/holdfast.toml")?.get("routes").cloned().context("no routes")?;
    let first = routes.as_array().and_then(|routes| routes.first()).context("no route")?;
    assert_eq!(first.get("path").and_then(toml::Value::as_str), Some("= /login"));
    assert_eq!(first.get("public").and_then(toml::Value::as_bool), Some(true));
    Ok(())
}

/// The ports of a container by their names.
fn ports(container: &Value) -> Value {
    let ports = container["ports"].as_array().into_iter().flatten();
    let named = ports
        .map(|port| (port["name"].as_str().unwrap_or_default().to_owned(), port["containerPort"].clone()));
    Value::Object(named.collect())
}

const FOLDERS: [&str; 4] = ["base", "ingress-nginx", "sidecar", "traefik"];
const INTERNAL: &str = "http://holdfast-internal.holdfast.svc.cluster.local:8444";
const HEADERS: [&str; 7] = [
    "Holdfast-User",
    "Holdfast-Session",
    "Holdfast-Binding",
    "Holdfast-Assertion",
    "Holdfast-Client",
    "Holdfast-Scope",
    "Holdfast-Issuer",
];
