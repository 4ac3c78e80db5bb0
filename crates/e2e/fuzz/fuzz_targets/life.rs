//! Lines of an audit log, one request each: whatever they hold, the lives that are told of them don't panic, and words for
//! any two objects neither. What is called exact of a field is a change of it.
#![no_main]

use auditseal_format::Hash;
use auditseal_history::diff::MAX_FIELDS;
use auditseal_history::life::{Mark, ObjectName, compare};
use auditseal_history::words::words;
use auditseal_history::{Act, Cite, Life, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let cite = |line| Cite { chain: 0, seq: 0, line, seal: Hash::new([0; 32]) };
    let acts: Vec<Act> =
        (0..).zip(&lines).filter_map(|(at, line)| Act::read(line, cite(at)).ok()).collect();
    if let Some(first) = acts.first() {
        let of = &first.target;
        let name = ObjectName {
            group: of.api_group.clone(),
            resource: of.resource.clone(),
            namespace: of.namespace.clone(),
            name: of.name.clone(),
        };
        let mut life = Life::new(name);
        if let Some(time) = first.done {
            life = life.with_moment(time);
        }
        let mut told = Vec::new();
        for act in &acts {
            told.extend(life.take(act.clone()));
        }
        told.extend(life.finish());
        for field in told.iter().flat_map(|entry| &entry.fields) {
            assert!(field.mark != Mark::Exact || field.before != field.after);
        }
        assert_eq!(life.moment().is_some(), first.done.is_some());
        for act in &acts {
            if let Some(object) = act.response.held() {
                assert!(compare(life.known(), object).fields.len() <= MAX_FIELDS);
            }
        }
    }
    let objects: Vec<_> = lines
        .iter()
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter_map(|line| parse(line).ok())
        .take(4)
        .collect();
    for one in &objects {
        for other in &objects {
            if let Some(Ok(said)) = words(Some(one), Some(other)) {
                assert!(one != other || said.is_empty());
            }
        }
        if let Some(Err(unclear)) = words(None, Some(one)) {
            assert!(!unclear.to_string().is_empty());
        }
    }
});
