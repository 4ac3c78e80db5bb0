//! Which objects are read as policies, and which are refused, with the place.

use proptest::prelude::*;

use super::*;

fn whole(metadata: Value, spec: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
}

fn refused(object: &Value) -> String {
    PolicyFile::all(object, "shop").unwrap_err().to_string()
}

#[test]
fn what_an_apiserver_refuses_is_refused_with_its_place() {
    for (spec, why) in [
        (json!({"podselector": {}}), "spec.podselector: there is no such field; podSelector is"),
        (json!({"podSelector": {}, "ingres": [{}]}), "spec.ingres: there is no such field"),
        (json!({"podSelector": []}), "spec.podSelector: it is a list, and no map"),
        (json!({"podSelector": {"app": "x"}}), "spec.podSelector.app: there is no such field"),
        (
            json!({"policyTypes": ["ingress"]}),
            "spec.policyTypes[0]: it is \\\"ingress\\\", and neither Ingress nor Egress",
        ),
        (json!({"policyTypes": "Ingress"}), "spec.policyTypes: it is \\\"Ingress\\\", and no list"),
        (
            json!({"podSelector": {"matchLabels": ["app"]}}),
            "spec.podSelector.matchLabels: it is a list, and no map",
        ),
        (
            json!({"podSelector": {"matchLabels": {"app": 1}}}),
            "spec.podSelector.matchLabels.app: it is 1, and no text",
        ),
        (
            json!({"ingress": [{}, {"from": [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": [1]}]}}]}]}),
            "spec.ingress[1].from[0].podSelector.matchExpressions[0].values[0]: it is 1, and no text",
        ),
        (
            json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            "spec.podSelector.matchExpressions[0].values: there is none",
        ),
        (json!({"ingress": [{"to": []}]}), "spec.ingress[0].to: there is no such field"),
        (json!({"ingress": {}}), "spec.ingress: it is a map, and no list"),
        (
            json!({"egress": [{"ports": [{"Port": 1}]}]}),
            "spec.egress[0].ports[0].Port: there is no such field; port is",
        ),
        (
            json!({"egress": [{"ports": [{"port": "80"}]}]}),
            "spec.egress[0].ports[0].port: it is \\\"80\\\", and no port is called so",
        ),
        (
            json!({"egress": [{"to": [{"ipBlock": {"cidr": 1}}]}]}),
            "spec.egress[0].to[0].ipBlock.cidr: it is 1, and no text",
        ),
        (json!([]), "spec: it is a list, and no map"),
    ] {
        assert_eq!(refused(&whole(json!({"name": "p"}), spec)), format!("shop/p: {why}"));
    }
    let metadata = |metadata| refused(&whole(metadata, json!({"podSelector": {}})));
    assert_eq!(
        metadata(json!("web")),
        "shop/(without a name): metadata: it is \\\"web\\\", and no map"
    );
    assert_eq!(metadata(json!(["a"])), "shop/(without a name): metadata: it is a list, and no map");
    assert_eq!(
        metadata(json!({"name": "a", "lables": {}})),
        "shop/a: metadata.lables: there is no such field"
    );
    assert_eq!(
        metadata(json!({"name": 1})),
        "shop/(without a name): metadata.name: it is 1, and no text"
    );
    let null =
        json!({"podSelector": {}, "policyTypes": null, "ingress": [{"from": null, "ports": null}]});
    assert_eq!(PolicyFile::all(&whole(json!({"name": "a"}), null), "shop").unwrap().len(), 1);
}

/// What `kubectl kustomize` writes has objects of all kinds.
#[test]
fn objects_of_other_kinds_are_named() {
    let other = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}});
    let policy = || whole(json!({"name": "p"}), json!({"podSelector": {}}));
    let list = json!({"kind": "List", "items": [
        other("v1", "Service"), policy(), other("networking.k8s.io/v1", "Ingress"), other("crd.antrea.io/v1beta1", "NetworkPolicy"),
    ]});
    let (policies, others) = PolicyFile::among(&list, "shop").unwrap();
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    assert_eq!(policies.len(), 1);
    assert_eq!(others, ["Service n/x", "Ingress n/x", "NetworkPolicy of crd.antrea.io n/x"]);
    for meant in [
        other("networking.k8s.io/v1", "networkPolicy"),
        other("v1", "NetworkPolicy"),
        other("extensions/v1beta1", "NetworkPolicy"),
        json!({"a": 1}),
        json!([]),
        json!("text"),
    ] {
        let refused = PolicyFile::among(&meant, "shop").unwrap_err().to_string();
        assert!(refused.ends_with("it is no NetworkPolicy of networking.k8s.io"), "{refused}");
    }
}

/// Anything that YAML can say.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "Ingress",
            "Egress",
            "In",
            "Exists",
            "TCP",
            "a",
            "10.0.0.0/8",
            "::/0",
            "x/99"
        ])
        .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        4 => prop::sample::select(vec![
            "podSelector", "policyTypes", "ingress", "egress", "from", "to", "ports", "port", "endPort", "protocol", "ipBlock",
            "cidr", "except", "namespaceSelector", "matchLabels", "matchExpressions", "key", "operator", "values", "name",
            "namespace", "labels", "items",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Z.]{0,6}",
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

/// A policy that is one, with a value put somewhere into it.
fn disturbed() -> impl Strategy<Value = Value> {
    let places = [
        "",
        "/apiVersion",
        "/kind",
        "/metadata",
        "/metadata/name",
        "/metadata/namespace",
        "/spec",
        "/spec/podSelector",
        "/spec/podSelector/matchLabels",
        "/spec/podSelector/matchLabels/app",
        "/spec/policyTypes",
        "/spec/policyTypes/0",
        "/spec/ingress",
        "/spec/ingress/0",
        "/spec/ingress/0/from",
        "/spec/ingress/0/from/0",
        "/spec/ingress/0/from/0/podSelector",
        "/spec/ingress/0/from/1/ipBlock",
        "/spec/ingress/0/from/1/ipBlock/except",
        "/spec/ingress/0/ports",
        "/spec/ingress/0/ports/0",
        "/spec/ingress/0/ports/0/port",
    ];
    (prop::sample::select(places.to_vec()), anything()).prop_map(|(place, put)| {
        let peers = json!([{"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]);
        let mut object = whole(
            json!({"name": "p", "namespace": "n"}),
            json!({"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress"],
                "ingress": [{"from": peers, "ports": [{"port": 80, "endPort": 90}]}]}),
        );
        *object.pointer_mut(place).unwrap() = put;
        object
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever YAML says, it is a policy or it is refused by one line that acts on no terminal; and flows are held against
    /// what is read.
    #[test]
    fn no_yaml_makes_the_reader_panic(object in prop_oneof![disturbed(), anything()]) {
        // Some characters aren't YAML, even in quotes.
        let read: Value = auditseal_yaml::read(&object.to_string()).unwrap_or(object);
        let all = PolicyFile::all(&read, "shop");
        match PolicyFile::among(&read, "shop") {
            Err(why) => {
                prop_assert!(all.is_err());
                prop_assert!(!why.to_string().chars().any(char::is_control), "{:?}", why);
            }
            Ok((policies, _)) => {
                let mut replay = Replay::new(policies);
                replay.add(&flow(pod("n", &[("app", "web")]), pod("n", &[("app", "x")]), 80), &at(1, 1));
            }
        }
    }

    /// Nor does text that is YAML no more.
    #[test]
    fn no_text_makes_the_reader_panic(
        at in any::<prop::sample::Index>(),
        length in 0..12_usize,
        put in "[ \\n\\-:\\[\\]{}&*!|>'\"a0]{0,6}",
    ) {
        let yaml = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p\nspec:\n  podSelector:\n    \
            matchLabels: {app: x}\n  ingress:\n  - from:\n    - ipBlock: {cidr: 10.0.0.0/8}\n    ports:\n    - port: 80\n";
        let at = at.index(yaml.len());
        let mut text = yaml.to_owned();
        text.replace_range(at..(at + length).min(yaml.len()), &put);
        if let Ok(read) = auditseal_yaml::read::<Value>(&text)
            && let Err(why) = PolicyFile::among(&read, "shop")
        {
            prop_assert!(!why.to_string().chars().any(char::is_control), "{:?}", why);
        }
    }
}
