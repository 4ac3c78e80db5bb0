//! A policy is suggested from logs of any size: what the process takes in memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::io::{self, Read};

use auditseal_doctor::suggest::Suggester;

/// Most that any log may take beyond an almost empty one, KiB: names that are told apart, and a line.
const MOST: u64 = 24 << 10;

/// Peak of this process's memory, KiB. Of the whole process: this file has one test.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// So many lines, made while they are read: each with names of its own, as an attacker would have it.
struct Lines {
    left: u64,
    line: Vec<u8>,
    at: usize,
}

impl Lines {
    fn make(n: u64) -> Vec<u8> {
        let resource = ["leases", "widgets", "secrets", "pods"][(n % 4) as usize];
        let group = ["coordination.k8s.io", "example.com", "", ""][(n % 4) as usize];
        let mut line = String::new();
        writeln!(
            line,
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"{n}","stage":"ResponseComplete","requestURI":"/x/{n}","verb":"update","user":{{"username":"system:serviceaccount:n{n}:a","groups":["g{n}"]}},"objectRef":{{"resource":"{resource}","namespace":"n{n}","name":"o{n}","apiGroup":"{group}","subresource":"s{}"}},"responseStatus":{{"code":200}},"responseObject":{{"data":{{"a":"{n}"}}}},"stageTimestamp":"2026-11-21T08:00:{:02}.000000Z"}}"#,
            if n % 4 == 1 { n.to_string() } else { String::new() },
            n % 60
        )
        .unwrap();
        line.replace("\"subresource\":\"s\"", "\"subresource\":\"\"").into_bytes()
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.left -= 1;
            (self.line, self.at) = (Self::make(self.left), 0);
        }
        let length = buffer.len().min(self.line.len() - self.at);
        buffer[..length].copy_from_slice(&self.line[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[test]
fn memory_is_bounded_for_a_log_of_any_size() {
    let full = std::env::var_os("AUDITSEAL_BOUNDS").is_some_and(|told| told == "production");
    let sizes: &[u64] = if full { &[10, 10_000, 1_000_000] } else { &[10, 10_000, 30_000] };
    let mut first = None;
    for lines in sizes {
        let mut suggester = Suggester::new().unwrap();
        suggester.lines(Lines { left: *lines, line: Vec::new(), at: 0 }).unwrap();
        let page = suggester.finish(None).unwrap();
        assert_eq!(page.events, *lines);
        let grown = peak() - *first.get_or_insert(peak());
        println!("{lines} lines: {grown} KiB more");
        assert!(grown < MOST, "{lines} lines take {grown} KiB more than 10 do");
    }
}
