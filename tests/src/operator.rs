//! An operator who changes something in the simulated organization, over plain HTTP and without any SDK.

use std::io::{Read, Write};
use std::net::TcpStream;

use scangap_simorg::Simulator;
use serde_json::Value;

#[derive(Debug)]
pub struct Operator<'a> {
    simulator: &'a Simulator,
    account: &'a str,
    region: &'a str,
}

impl<'a> Operator<'a> {
    /// An administrator of an account, in a region.
    pub fn of(simulator: &'a Simulator, account: &'a str, region: &'a str) -> Self {
        Self { simulator, account, region }
    }

    pub fn ecr(&self, operation: &str, input: &Value) -> Value {
        let target = format!("X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.{operation}\r\n");
        self.post("/", "ecr", &target, input)
    }

    pub fn inspector(&self, path: &str, input: &Value) -> Value {
        self.post(path, "inspector2", "", input)
    }

    /// A call that Inspector refuses: the status and the whole answer.
    pub fn refused_by_inspector(&self, path: &str, input: &Value) -> String {
        let answer = self.send(path, "inspector2", "", input);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{path} succeeded: {answer}");
        answer
    }

    fn post(&self, path: &str, service: &str, header: &str, input: &Value) -> Value {
        let answer = self.send(path, service, header, input);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{path} {header}: {answer}");
        serde_json::from_str(body).expect("a JSON answer")
    }

    fn send(&self, path: &str, service: &str, header: &str, input: &Value) -> String {
        let host = self.simulator.url().replace("http://", "");
        let body = input.to_string();
        let key = Simulator::access_key(self.account);
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\n{header}Authorization: AWS4-HMAC-SHA256 Credential={key}/20261123/{}/{service}/aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.region,
            body.len()
        );
        let mut stream = TcpStream::connect(&host).expect("the simulator listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}
