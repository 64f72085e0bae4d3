//! `sslmode` against a server that does nothing but the TLS handshake.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::source::postgis::{DatabaseUrl, error, tls};

/// Valid for a hundred years; its key is not kept.
const ROOT: &str = "\
-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUVyioYTs5LVmrw60BJggxj1SnbecwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjMyMzMwMjhaGA8yMTI2MTAzMDIz
MzAyOFowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABOyYFbyeWPxet1dvrCV93SACqSoIHLMVpWtxbwSNckyH6zAJKV61KRUAdt1Y
8eu1kzlIJBuKDyuDVDpKmrOfnI+jUzBRMB0GA1UdDgQWBBQmmkJzHwtyaaR8Oy2t
YeDRnyl/zzAfBgNVHSMEGDAWgBQmmkJzHwtyaaR8Oy2tYeDRnyl/zzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIE0n4js5LYXWrHcjZ5i0UADY7nzI
YnMzB59qEqNynsF1AiAU8sbmDYNt9OQnT74QXZOQqEsKYy5/wBUwIpDpgO+Ydg==
-----END CERTIFICATE-----
";

/// Has nothing to do with the others.
const OTHER_ROOT: &str = "\
-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUD0T4FFzsy6khO2qoGzrpttWG5dkwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIT3RoZXIgQ0EwIBcNMjYxMTIzMjMzMjA1WhgPMjEyNjEwMzAy
MzMyMDVaMBMxETAPBgNVBAMMCE90aGVyIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEPHvtu0LDdvfTmJ+ku44Qyy9mz2TI7WyZQeuEX8KPb+yAArk13YOqkyEn
f3sIjgG2864RuxFkIWJRNZ18HX61qqNTMFEwHQYDVR0OBBYEFMYMf+xATPKuyWU2
pJhC87ZUBNa3MB8GA1UdIwQYMBaAFMYMf+xATPKuyWU2pJhC87ZUBNa3MA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgcqAWyqnGinjjeCrDwX575KFT
7zPlDBBb+tDGbX9g3ZYCIDVZISfVNKKX9pFc0XDZwW1dOS54p+wRME4/cH6SpB6a
-----END CERTIFICATE-----
";

/// Signed by [`ROOT`] for `localhost`.
const LEAF: &str = "\
-----BEGIN CERTIFICATE-----
MIIBejCCASCgAwIBAgIUdMJgvYvZkUr0l/WY9Sq82NCaEaUwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjMyMzMyMDVaGA8yMTI2MTAzMDIz
MzIwNVowDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABA4U
VmWmwQDtyIZfwXJJ+3WjwQtyl22GKV4wfzjW+GOSbHtZ0BM4ba6Q+nm8fDr3NYD2
bJCrfjyFunXZXRZWQfyjWDBWMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAdBgNVHQ4E
FgQUK7KiFtfBYvJ0S9zk/tj17XUNKpswHwYDVR0jBBgwFoAUJppCcx8LcmmkfDst
rWHg0Z8pf88wCgYIKoZIzj0EAwIDSAAwRQIgCuBPqyH/HfJ3EWwDvAemAsDTm179
SzDfc7iZdJ73CNMCIQC0c2pxSucf83jA/W6uuRVabRS71E4vFlNNXhIvEalA/Q==
-----END CERTIFICATE-----
";

const LEAF_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2VoxkyJtk63zm4Ik
Fnc03sPrFeklQpWxB2OXPjQGVN2hRANCAAQOFFZlpsEA7ciGX8FySft1o8ELcpdt
hileMH841vhjkmx7WdATOG2ukPp5vHw69zWA9myQq348hbp12V0WVkH8
-----END PRIVATE KEY-----
";

fn config() -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let leaf = CertificateDer::from_pem_slice(LEAF.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(LEAF_KEY.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .unwrap()
}

/// Answers one connection: agrees to TLS, shakes hands, hangs up. Returns its port.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.read_exact(&mut [0; 8]).unwrap();
        socket.write_all(b"S").unwrap();
        let mut tls = ServerConnection::new(Arc::new(config())).unwrap();
        // Fails when the client refuses the certificate.
        let _ = tls.complete_io(&mut socket);
    });
    port
}

/// Whether the client accepts the server's certificate.
async fn accepts(host: &str, parameters: &str) -> bool {
    let url = format!("postgres://u@{host}:{}/db?{parameters}", serve());
    let target = DatabaseUrl::new(url).parse().unwrap();
    let connector = tls::connector(&target).unwrap();
    let error = target.config.connect(connector).await.err().expect("there is no PostgreSQL");
    !error::describe(&error).contains("certificate")
}

#[tokio::test]
async fn certificates_are_checked_as_far_as_sslmode_says() {
    let root = std::env::temp_dir().join(format!("tesela-root-{}.pem", std::process::id()));
    std::fs::write(&root, ROOT).unwrap();
    let with_root = |mode: &str| format!("sslmode={mode}&sslrootcert={}", root.display());
    // The certificate is for `localhost` only.
    assert!(accepts("127.0.0.1", "sslmode=prefer").await);
    assert!(accepts("127.0.0.1", "sslmode=require").await);
    assert!(accepts("127.0.0.1", &with_root("verify-ca")).await);
    assert!(accepts("localhost", &with_root("verify-full")).await);
    assert!(!accepts("127.0.0.1", &with_root("verify-full")).await);
    std::fs::write(&root, OTHER_ROOT).unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        assert!(!accepts("localhost", &with_root(mode)).await, "{mode}");
    }
    std::fs::remove_file(&root).unwrap();
}

#[test]
fn a_root_certificate_that_cannot_be_read_is_named() {
    let empty = std::env::temp_dir().join(format!("tesela-empty-{}.pem", std::process::id()));
    std::fs::write(&empty, "").unwrap();
    for path in ["/nonexistent/root.pem", empty.to_str().unwrap()] {
        let url = format!("postgres://u@h/db?sslmode=verify-ca&sslrootcert={path}");
        let error = tls::connector(&DatabaseUrl::new(url).parse().unwrap()).err().unwrap();
        assert!(error.contains(path), "{error}");
    }
    std::fs::remove_file(&empty).unwrap();
}
