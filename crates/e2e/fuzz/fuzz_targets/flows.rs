//! Lines of logs of flows, in any format: read or refused with a reason, and what is read is written and read again the
//! same; policies made of them stop none of them, also where lines that are objects of a cluster tell of their sides.
#![no_main]

use std::sync::Arc;

use auditseal_flows::{FlowVerdict, LogFormat, read};
use auditseal_netpol::{FlowSeal, LeftOut, PolicyFile, Replay, Roster, Suggest, Would};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let formats = ["hubble", "antrea", "calico", "ovn", "jsonl:time", "jsonl:timestamp", "text"];
    let formats = formats.map(|format| format.parse::<LogFormat>().unwrap());
    let mut flows = Vec::new();
    let mut roster = Roster::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(objects) = std::str::from_utf8(line).ok().and_then(|text| auditseal_yaml::read(text).ok())
            && let Err(why) = roster.add("o", None, &objects)
        {
            assert!(!why.to_string().is_empty());
        }
        for format in formats {
            match read(line, format) {
                Ok(flow) => flows.push(flow),
                Err(why) => assert!(why.to_string().starts_with("not a flow: ")),
            }
            LogFormat::of(line, format.times()).to_string();
        }
    }
    let at = FlowSeal { origin: Arc::from("c/n/s"), seq: 0, line: 1 };
    for flow in &flows {
        let text = flow.to_json().to_string();
        let again = read(text.as_bytes(), formats[4]).unwrap();
        assert_eq!((&again.source.ip, &again.policies, again.port), (&flow.source.ip, &flow.policies, flow.port));
    }
    let spaces: Vec<_> = flows.iter().flat_map(|flow| [&flow.source, &flow.destination]).collect();
    for namespace in spaces.iter().filter_map(|side| side.namespace.as_deref()).take(3) {
        let Some(suggest) = Suggest::new(namespace) else { continue };
        let mut suggest = suggest.with_roster(roster.clone());
        flows.iter().for_each(|flow| suggest.add(flow, &at).unwrap());
        let made = suggest.finish();
        let left = made.left_out.iter().any(|(why, ..)| why.is_missing() || *why == LeftOut::StoppedHere);
        let documents = made.yaml.split("---\n").skip(1);
        let policies = documents.flat_map(|text| {
            PolicyFile::all(&auditseal_yaml::read(text).unwrap(), "none").unwrap()
        });
        let mut replay = Replay::new(policies.collect()).with_roster(roster.clone());
        for flow in flows.iter().filter(|flow| flow.verdict == FlowVerdict::Allowed) {
            let would = replay.add(flow, &at);
            assert!(left || would != Some(Would::Blocked), "{flow:?}\n{}", made.yaml);
        }
    }
});
