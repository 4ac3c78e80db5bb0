use super::*;
use crate::lookup::Value;

/// An event of these members behind what each has.
fn of(derived: &Derived, level: &str, stage: &str, members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    let line = format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","stage":"{stage}"{comma}{members}}}"#
    );
    let event = Event::parse(line.as_bytes()).unwrap();
    match derived.of(&event) {
        Found::Value(Value::Text(text)) => text.into_owned(),
        Found::Value(Value::Texts(texts)) => texts.join(" + "),
        Found::Value(Value::Bool(value)) => value.to_string(),
        Found::Value(other) => format!("{other:?}"),
        Found::Absent => "absent".to_owned(),
        Found::Unknown | Found::Begun(_) => "unknown".to_owned(),
    }
}

fn complete(derived: &Derived, members: &str) -> String {
    of(derived, "RequestResponse", "ResponseComplete", members)
}

#[test]
fn who_is_impersonated_acted() {
    let user = r#""user":{"username":"admin"}"#;
    let both = r#""user":{"username":"admin"},"impersonatedUser":{"username":"alice"}"#;
    assert_eq!(complete(&Derived::EffectiveUser, user), "admin");
    assert_eq!(complete(&Derived::EffectiveUser, both), "alice");
    assert_eq!(complete(&Derived::EffectiveUser, r#""user":{}"#), "absent");
    // Impersonation is judged behind the first stage.
    assert_eq!(of(&Derived::EffectiveUser, "Metadata", "RequestReceived", user), "unknown");
}

#[test]
fn an_objects_name_may_be_the_servers() {
    let made = |response: &str| {
        let members = format!(r#""verb":"create","objectRef":{{"resource":"pods"}}{response}"#);
        complete(&Derived::ObjectName, &members)
    };
    assert_eq!(made(r#","responseObject":{"kind":"Pod","metadata":{"name":"web-x1"}}"#), "web-x1");
    assert_eq!(made(""), "unknown");
    assert_eq!(made(r#","responseObject":{"metadata":{"name":"a","name":"b"}}"#), "unknown");
    let refused =
        r#","responseStatus":{"status":"Failure"},"responseObject":{"metadata":{"name":"x"}}"#;
    assert_eq!(made(refused), "unknown", "a refusal's own object");
    let named = r#""verb":"create","objectRef":{"resource":"pods","name":"a"}"#;
    assert_eq!(complete(&Derived::ObjectName, named), "a");
    assert_eq!(
        complete(&Derived::ObjectName, r#""verb":"list","objectRef":{"resource":"pods"}"#),
        "absent"
    );
}

#[test]
fn a_dry_run_is_in_the_uri_and_of_a_deletion_in_its_options() {
    let asked = |verb: &str, uri: &str, rest: &str| {
        let members = format!(
            r#""verb":"{verb}","objectRef":{{"resource":"pods"}},"requestURI":"{uri}"{rest}"#
        );
        complete(&Derived::DryRun, &members)
    };
    for verb in ["create", "update", "patch"] {
        assert_eq!(asked(verb, r"/x?a=b\u0026dryRun=All", ""), "true");
        assert_eq!(asked(verb, "/x?dry%52un=%41ll", ""), "true", "escaped");
        assert_eq!(asked(verb, "/x?dryRun=", ""), "false");
        assert_eq!(asked(verb, "/x?xdryRun=All", ""), "false");
        // What a client writes into an object is no option.
        assert_eq!(asked(verb, "/x", r#","requestObject":{"dryRun":["All"]}"#), "false");
    }
    assert_eq!(asked("get", "/x?dryRun=All", ""), "false");
    let options = r#","requestObject":{"kind":"DeleteOptions","dryRun":["All"]}"#;
    assert_eq!(asked("delete", "/x", options), "true");
    assert_eq!(asked("delete", "/x?dryRun=All", ""), "true");
    // Of a deletion with options in its body, the URI's don't count: it deleted.
    assert_eq!(
        asked("delete", "/x?dryRun=All", r#","requestObject":{"kind":"DeleteOptions"}"#),
        "false"
    );
    let low = r#""verb":"delete","objectRef":{"resource":"pods"},"requestURI":"/x?dryRun=All""#;
    assert_eq!(of(&Derived::DryRun, "Metadata", "ResponseComplete", low), "unknown");
    // The apiserver drops a pair with a semicolon.
    assert_eq!(asked("patch", "/x?dryRun=All;", ""), "false");
}

#[test]
fn an_eviction_says_in_its_address_or_its_body_that_it_is_a_dry_run() {
    let members = |uri: &str, rest: &str| {
        format!(
            r#""verb":"create","objectRef":{{"resource":"pods","subresource":"eviction"}},"requestURI":"{uri}"{rest}"#
        )
    };
    let options = |dry: &str| {
        format!(r#","requestObject":{{"kind":"Eviction","deleteOptions":{{"dryRun":[{dry}]}}}}"#)
    };
    let asked = |uri: &str, rest: &str| complete(&Derived::DryRun, &members(uri, rest));
    assert_eq!(asked("/x", &options("\"All\"")), "true");
    assert_eq!(asked("/x", &options("")), "false");
    assert_eq!(asked("/x", r#","requestObject":{"kind":"Eviction"}"#), "false");
    assert_eq!(asked("/x?dryRun=All", &options("")), "true");
    let low = |uri| of(&Derived::DryRun, "Metadata", "ResponseComplete", &members(uri, ""));
    assert_eq!((low("/x").as_str(), low("/x?dryRun=All").as_str()), ("unknown", "true"));
}

#[test]
fn a_command_is_decoded_from_the_uri() {
    let exec = |sub: &str| {
        let members = format!(
            r#""verb":"get","objectRef":{{"resource":"pods","subresource":"{sub}"}},"requestURI":"/p/exec?command=sh\u0026command=-c\u0026command=cat+%2Fetc%2Fshadow\u0026container=c""#
        );
        complete(&Derived::ExecCommand, &members)
    };
    assert_eq!(exec("exec"), "sh + -c + cat /etc/shadow");
    assert_eq!(exec("log"), "absent");
    assert_eq!(complete(&Derived::UriQuery("x".into()), r#""requestURI":"/p?x=1&x=2""#), "1 + 2");
    assert_eq!(complete(&Derived::UriPath, r#""requestURI":"/a/b%20c?x""#), "/a/b%20c");
    assert_eq!(complete(&Derived::UriPath, ""), "absent");
}

#[test]
fn by_what_a_request_was_denied() {
    let denied = |code: u32, message: &str, decision: &str| {
        let members = format!(
            r#""responseStatus":{{"code":{code},"message":"{message}"}},"annotations":{{"authorization.k8s.io/decision":"{decision}"}}"#
        );
        [complete(&Derived::DeniedBy, &members), complete(&Derived::DeniedPolicy, &members)]
            .join("/")
    };
    let forbidden = r#"pods \"x\" is forbidden: "#;
    for (code, message, decision, found) in [
        (200, "", "allow", "absent/absent"),
        (404, "not found", "allow", "absent/absent"),
        (409, "the object has been modified", "allow", "absent/absent"),
        (401, "Unauthorized", "", "authentication/absent"),
        (403, r#"User \"x\" cannot get"#, "forbid", "authorization/absent"),
        // A user whose name says what a policy would.
        (
            403,
            "User \\\"ValidatingAdmissionPolicy 'p' \\\" cannot get",
            "forbid",
            "authorization/absent",
        ),
        (403, "this namespace may not be deleted", "allow", "admission/absent"),
        (
            422,
            "ValidatingAdmissionPolicy 'no-root' with binding 'b' denied request: it violates PodSecurity \\\"x\\\"",
            "allow",
            "ValidatingAdmissionPolicy/no-root",
        ),
        (
            403,
            r#"violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation"#,
            "allow",
            "PodSecurity/restricted:latest",
        ),
        (
            400,
            r#"admission webhook \"v.kyverno.svc\" denied the request: no"#,
            "allow",
            "webhook/v.kyverno.svc",
        ),
        (500, r#"failed calling webhook \"w\": timeout"#, "allow", "webhook/w"),
        (403, "exceeded quota: q1, requested: pods=1", "allow", "ResourceQuota/q1"),
    ] {
        let message =
            if code == 403 { format!("{forbidden}{message}") } else { message.to_owned() };
        assert_eq!(denied(code, &message, decision), found, "{code} {message}");
    }
    assert_eq!(of(&Derived::DeniedBy, "Metadata", "RequestReceived", ""), "unknown");
    assert_eq!(complete(&Derived::DeniedBy, r#""responseStatus":{"code":"403"}"#), "absent");
}

#[test]
fn what_was_violated_without_a_denial() {
    let annotated = |annotations: &str| {
        complete(&Derived::Violated, &format!(r#""annotations":{{{annotations}}}"#))
    };
    let policies = r#""validation.policy.admission.k8s.io/validation_failure":"[{\"message\":\"m\",\"policy\":\"p1\",\"binding\":\"b\",\"validationActions\":[\"Audit\"]},{\"policy\":\"p2\"}]""#;
    let pods = r#""pod-security.kubernetes.io/audit-violations":"would violate PodSecurity \"baseline:latest\": host namespaces""#;
    assert_eq!(annotated(policies), "p1 + p2");
    assert_eq!(annotated(pods), "baseline:latest");
    assert_eq!(annotated(&format!("{policies},{pods}")), "p1 + p2 + baseline:latest");
    assert_eq!(annotated(""), "absent");
    for broken in ["not json", "{}", "[1,{}]", "[{\\\"policy\\\":1}]"] {
        let broken =
            format!(r#""validation.policy.admission.k8s.io/validation_failure":"{broken}""#);
        assert_eq!(annotated(&broken), "absent", "{broken}");
    }
    assert_eq!(of(&Derived::Violated, "Metadata", "RequestReceived", ""), "unknown");
}

#[test]
fn how_a_patch_is_meant() {
    let patch = |uri: &str, body: &str| {
        let members = format!(
            r#""verb":"patch","objectRef":{{"resource":"pods"}},"requestURI":"{uri}","requestObject":{body}"#
        );
        complete(&Derived::PatchKind, &members)
    };
    assert_eq!(patch("/x", r#"[{"op":"remove","path":"/a"}]"#), "json");
    assert_eq!(patch("/x", r#"{"spec":{"a":[{"$patch":"delete"}]}}"#), "strategic");
    assert_eq!(patch("/x", r#"{"spec":{"a":"$patch"}}"#), "mergeOrStrategic", "no key");
    let whole = r#"{"apiVersion":"v1","kind":"Pod","metadata":{}}"#;
    assert_eq!(patch(r"/x?fieldManager=m\u0026force=true", whole), "apply");
    assert_eq!(patch("/x?fieldManager=m", whole), "mergeOrStrategic");
    assert_eq!(patch("/x", "\"text\""), "absent");
    assert_eq!(complete(&Derived::PatchKind, r#""verb":"update","requestObject":[]"#), "absent");
    let low = r#""verb":"patch","objectRef":{"resource":"pods"}"#;
    assert_eq!(of(&Derived::PatchKind, "Metadata", "ResponseComplete", low), "unknown");
}
