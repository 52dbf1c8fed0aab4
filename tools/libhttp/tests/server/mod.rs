//! A server on the loopback interface that says what it is told, whatever it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Answers one connection after another with `answers`, and gives the requests: their lines, and behind an empty
/// one what they sent.
pub fn serve(answers: Vec<impl Into<Vec<u8>> + Send + 'static>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let answer = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let lines = reader.by_ref().lines();
            let mut request: Vec<String> =
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let length = |line: &String| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok();
            let length = request.iter().find_map(length).unwrap_or_default();
            let mut body = String::new();
            reader.take(length).read_to_string(&mut body).unwrap();
            stream.write_all(&answer).unwrap();
            request.extend([String::new(), body]);
            request.join("\n").trim_end().to_owned()
        };
        answers.into_iter().map(Into::into).map(answer).collect()
    });
    (base, server)
}
