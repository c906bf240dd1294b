// SPDX-License-Identifier: ISC

//! A client on rustls; see interop.py for what it is told and tells.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{Certificate, ClientConfig, ClientConnection, PrivateKey, RootCertStore, StreamOwned};

type Told = HashMap<String, String>;

fn certificates(path: &str) -> Result<Vec<Certificate>, Box<dyn Error>> {
    let found = rustls_pemfile::certs(&mut BufReader::new(File::open(path)?))?;
    Ok(found.into_iter().map(Certificate).collect())
}

fn configure(told: &Told) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&told["ca"])? {
        roots.add(&certificate)?;
    }
    let version = if told["version"] == "1.3" {
        &rustls::version::TLS13
    } else {
        &rustls::version::TLS12
    };
    let builder = ClientConfig::builder()
        .with_safe_default_cipher_suites()
        .with_safe_default_kx_groups()
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots);
    let mut config = match told.get("cert") {
        Some(cert) => {
            let mut file = BufReader::new(File::open(&told["key"])?);
            let mut keys = rustls_pemfile::pkcs8_private_keys(&mut file)?;
            builder.with_single_cert(certificates(cert)?, PrivateKey(keys.remove(0)))?
        }
        None => builder.with_no_client_auth(),
    };
    if let Some(alpn) = told.get("alpn") {
        config.alpn_protocols = alpn.split(',').map(|one| one.as_bytes().to_vec()).collect();
    }
    Ok(Arc::new(config))
}

fn quoted(text: &str) -> String {
    let safe = |c: char| if (' '..='~').contains(&c) && c != '"' && c != '\\' { c } else { '?' };
    format!("\"{}\"", text.chars().map(safe).collect::<String>())
}

fn talk(config: Arc<ClientConfig>, told: &Told) -> Result<(), Box<dyn Error>> {
    let connection = ClientConnection::new(config, told["name"].as_str().try_into()?)?;
    let tcp = TcpStream::connect(format!("{}:{}", told["host"], told["port"]))?;
    let mut stream = StreamOwned::new(connection, tcp);
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let mut room = vec![0; 65536];
    let mut bytes = 0;

    let mut end = writeln!(stream, "{}", told["request"]);
    let shaken = !stream.conn.is_handshaking();
    while end.is_ok() {
        match stream.read(&mut room) {
            Ok(0) => break,
            Ok(n) => {
                digest.update(&room[..n]);
                bytes += n;
            }
            Err(error) => end = Err(error),
        }
    }
    let (end, error) = match end {
        Ok(()) => ("clean", String::new()),
        Err(error) if !shaken => ("handshake", error.to_string()),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => ("truncated", error.to_string()),
        Err(error) => ("error", error.to_string()),
    };
    if end == "clean" {
        stream.conn.send_close_notify();
        stream.conn.write_tls(&mut stream.sock)?;
    }
    let version = stream.conn.protocol_version().map_or("".into(), |v| format!("{v:?}"));
    let alpn = String::from_utf8_lossy(stream.conn.alpn_protocol().unwrap_or(b"")).into_owned();
    let hex: String = digest.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect();
    println!(
        "{{\"tls\": {}, \"alpn\": {}, \"bytes\": {}, \"digest\": \"{}\", \"end\": \"{}\", \"error\": {}}}",
        quoted(&version.replace("TLSv1_", "TLSv1.")), quoted(&alpn), bytes, hex, end, quoted(&error)
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let told: Told = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.split_once('=').map(|(k, v)| (k.into(), v.into())))
        .collect();
    let config = configure(&told)?;
    let times: usize = told.get("times").map_or(Ok(1), |times| times.parse())?;
    for _ in 0..times {
        talk(config.clone(), &told)?;
    }
    Ok(())
}
