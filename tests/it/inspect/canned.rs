//! A server that says what it is told to, mistakes included.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// Answers each path with a status line, headers and a body; what it isn't told of with 404. `BASE`
/// in a body is its own address.
pub struct Canned {
    pub base: String,
}

pub type Page = (&'static str, &'static str, Vec<u8>);

impl Canned {
    /// `pages` are of path, head without its end, and body.
    pub fn new(pages: Vec<Page>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let own = base.clone();
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let path = request.split(' ').nth(1).unwrap_or_default();
                let (head, body) = answer(&pages, path, &own);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let mut stream = &stream;
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        Self { base }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

fn answer(pages: &[Page], path: &str, base: &str) -> (String, Vec<u8>) {
    match pages.iter().find(|(known, ..)| *known == path) {
        Some((_, head, body)) => match std::str::from_utf8(body) {
            Ok(text) => ((*head).to_owned(), text.replace("BASE", base).into_bytes()),
            Err(_) => ((*head).to_owned(), body.clone()),
        },
        None => (
            "404 Not Found\r\nContent-Type: text/plain".to_owned(),
            b"nothing here\nat all".to_vec(),
        ),
    }
}
