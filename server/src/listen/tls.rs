//! TLS with rustls.

use std::{fs, sync::Arc};

use crate::config::TlsConfig;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// TLS with the certificate and key of the configuration: TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2.
///
/// # Errors
/// A sentence that names the key of the configuration, the file, and what would be right.
pub(crate) fn server_config(config: &TlsConfig) -> Result<Arc<ServerConfig>, String> {
    let read = |key: &str, file: &std::path::Path| {
        fs::read(file)
            .map_err(|error| format!("public.tls.{key}: {} cannot be read: {error}", file.display()))
    };
    let pem = read("cert", &config.cert)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
        format!(
            "public.tls.cert: {} holds no PEM certificate; the server's own comes first",
            config.cert.display()
        )
    })?;
    let key = PrivateKeyDer::from_pem_slice(&read("key", &config.key)?)
        .map_err(|_| format!("public.tls.key: {} holds no PEM private key", config.key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("public.tls: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("public.tls: certificate and key do not go together: {error}"))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}
