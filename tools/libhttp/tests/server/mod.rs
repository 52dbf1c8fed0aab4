//! A server on the loopback interface that says what it is told, whatever it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Answers one connection after another with `answers`, and gives the requests: their lines, and behind an empty
/// one what they sent.
pub fn serve(answers: Vec<impl Into<Vec<u8>> + Send + 'static>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let answer = |answer: Vec<u8>| {
            let mut stream = listener.accept().unwrap().0;
            let request = read(&stream);
            stream.write_all(&answer).unwrap();
            request
        };
        answers.into_iter().map(Into::into).map(answer).collect()
    });
    (base, server)
}

/// Answers every connection by what is asked, as long as the test runs.
#[allow(dead_code, reason = "each test file has a server of its own")]
pub fn serve_by(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let answer = answer(&read(&stream));
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (base, server)
}

fn read(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let lines = reader.by_ref().lines();
    let mut request: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let length = |line: &String| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok();
    let length = request.iter().find_map(length).unwrap_or_default();
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body).unwrap();
    request.extend([String::new(), body]);
    request.join("\n").trim_end().to_owned()
}
