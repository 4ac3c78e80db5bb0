use super::*;
use crate::syntax::parse;

fn refused(text: &str) -> Refused {
    match parse(text).and_then(|expr| compile(text, &expr)) {
        Ok(question) => panic!("{text} is taken: {question:?}"),
        Err(refused) => refused,
    }
}

fn taken(text: &str) {
    if let Err(refused) = parse(text).and_then(|expr| compile(text, &expr)) {
        panic!("{text}: {refused}");
    }
}

#[test]
fn what_can_be_asked_is_taken() {
    for text in [
        "verb == 'delete' && objectRef.resource in ['networkpolicies', 'ingresses']",
        "'system:masters' in user.groups || 'x' in annotations",
        "sourceIPs.exists(ip, cidr('10.0.0.0/8').containsIP(ip)) && cidr('::/0').containsIP(ip(sourceIPs[0]))",
        "requestObject.spec.ingress.all(rule, rule.from.exists(peer, has(peer.podSelector)))",
        "annotations.exists(key, value, key.startsWith('failed-open') && value == 'true')",
        "userAgent.matches('(?i)^kubectl/') && matches(requestURI, r'\\.\\.')",
        "timestamp(stageTimestamp) - timestamp(requestReceivedTimestamp) > duration('5s')",
        "stageTimestamp >= timestamp('2026-11-30T06:00:00Z') && timestamp(requestObject.x) < timestamp(stageTimestamp)",
        "size(user.groups) > 10 && requestURI.size() >= 8000",
        "requestObject.spec.hostNetwork && !dryRun && responseObject == null",
        "requestObject.subjects.exists(s, s.name == user.username)",
        "403 == responseStatus.code && 1.5 < requestObject.x",
        "event.flow.verdict == 'DROPPED' && has(event.flow)",
        "user.username != impersonatedUser.username",
        "true",
    ] {
        taken(text);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_where_it_stands() {
    for (text, at, why) in [
        ("verbs == 'x'", 0, "no field is called `verbs`"),
        ("verb == 403", 5, "a text"),
        ("responseStatus.code == '403'", 20, "without quotes"),
        ("sourceIPs == '10.0.0.1'", 10, "'x' in field"),
        ("dryRun == 'true'", 7, "true or false"),
        ("user == 'x'", 5, "compare one of its members"),
        ("verb", 0, "neither true nor false"),
        ("'x'", 0, "neither true nor false"),
        ("verb && dryRun", 0, "neither true nor false"),
        ("'a' == 'b'", 4, "the same for every event"),
        ("verb == ['a']", 8, "field in"),
        ("verb in 'delete'", 8, "field was expected"),
        ("'x' in verb", 7, ".contains('x')"),
        ("5 in user.groups", 0, "has texts"),
        ("verb in []", 5, "empty list"),
        ("verb in [user.username]", 9, "only strings"),
        ("verb < null", 5, "by == and !="),
        ("dryRun < true", 7, "no order"),
        ("user.groups.startsWith('x')", 0, ".exists(x"),
        ("annotations.contains('x')", 0, ".exists(key, value"),
        ("responseStatus.code.startsWith('4')", 0, "no text"),
        ("has(verb)", 4, "in an object"),
        ("has(annotations['x'])", 4, "'key' in a"),
        ("user.groups.exists_one(g, g == 'x')", 12, ".exists(x, …)"),
        ("user.groups.map(g, g)", 12, ".exists(x, …)"),
        ("verb.lowerAscii() == 'x'", 5, "can't be compared"),
        ("verb.reverse()", 5, "no function is called `reverse`"),
        ("verb.matches('(')", 13, "unclosed group"),
        ("verb.matches(userAgent)", 13, "is a string"),
        ("verb.matches('a{1000}{1000}')", 13, "size limit"),
        ("cidr('10.0.0.0/99').containsIP(sourceIPs[0])", 5, "not a network"),
        ("sourceIPs.containsIP('10.0.0.1')", 0, "cidr('10.0.0.0/8')"),
        ("stageTimestamp > '2026'", 15, "timestamp('…')"),
        ("stageTimestamp > timestamp('2026')", 27, "RFC 3339"),
        ("timestamp(stageTimestamp) > '2026'", 26, "timestamp('2026"),
        (
            "timestamp(stageTimestamp) - timestamp(requestReceivedTimestamp) > 5",
            64,
            "duration('5s')",
        ),
        (
            "timestamp(stageTimestamp) - timestamp(requestReceivedTimestamp) > duration('5 s')",
            75,
            "length of time",
        ),
        ("timestamp(stageTimestamp) - requestReceivedTimestamp > duration('5s')", 28, "only times"),
        ("verb == 'x' ? true : false", 12, "a ? b : c"),
        ("size(verb) == 'x'", 11, "a number"),
        ("size(dryRun) == 1", 5, "no size"),
        ("verb.exists(x, x == 'a')", 0, "neither a list nor an object"),
        ("user.groups.exists('g', true)", 19, "a name for the element"),
        ("user.groups.exists(g)", 12, ".exists(x, …)"),
        ("user.groups.exists(g, g.name == 'x')", 22, "no object"),
        ("annotations[verb] == 'x'", 12, "only a string or a number"),
        ("user.groups == user.groups", 12, "never equal"),
        ("verb == responseStatus.code", 5, "never equal"),
    ] {
        let refused = refused(text);
        assert!(
            refused.why.contains(why) && refused.offset == at,
            "{text}: byte {}: {refused}",
            refused.offset
        );
    }
}

#[test]
fn lists_are_not_multiplied() {
    for text in [
        "user.groups.exists(g, requestObject.groups.exists(h, g == h))",
        "user.groups.exists(g, g in requestObject.groups)",
        "requestObject.a.exists(x, x.b.exists(y, x.c.exists(z, y == z)))",
        "sourceIPs.exists(ip, requestURI.contains(ip))",
    ] {
        assert!(refused(text).why.contains("more work than"), "{text}");
    }
    for text in [
        // What doesn't hang on the element is answered once.
        "user.groups.exists(g, g == 'a' && requestObject.groups.exists(h, h == 'b'))",
        "requestObject.a.exists(x, x.b.exists(y, y == x.c && user.groups.exists(g, g == user.username)))",
        "requestObject.a.exists(x, x.n in x.list && x.text.contains(user.username))",
    ] {
        taken(text);
    }
}

#[test]
fn regular_expressions_are_bounded_in_number_and_depth() {
    let many = |count: usize| vec!["verb.matches('a')"; count].join(" || ");
    taken(&many(MAX_REGEXES));
    assert!(refused(&many(MAX_REGEXES + 1)).why.contains("more than 32"));
    let nested =
        |depth: usize| format!("verb.matches('{}a{}')", "(".repeat(depth), ")".repeat(depth));
    taken(&nested(60));
    let refused = refused(&nested(70));
    assert!(refused.why.contains("nest"), "{refused}");
}
