//! What is asked of an archive: every request about some objects.

use auditseal_history::Act;
use auditseal_history::life::ObjectName;
use auditseal_predicate::{ObjectFilter, Predicate};

/// Objects whose lives are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedObjects {
    /// The plural, in lower case.
    pub resource: String,
    /// API group; `None`: any.
    pub group: Option<String>,
    /// `None`: any.
    pub namespace: Option<String>,
    /// `None`: all of the type.
    pub name: Option<String>,
    /// Objects of the type are known to be in namespaces.
    pub namespaced: bool,
}

/// A namespace's own requests have its name as their namespace.
fn is_namespaces(resource: &str) -> bool {
    resource == "namespaces"
}

impl WantedObjects {
    /// What an event must be that tells of such an object.
    ///
    /// Also a collection's deletion may be the end of it, which names none.
    #[must_use]
    pub fn predicate(&self) -> Predicate {
        let namespace = self.namespace.as_deref().filter(|_| !is_namespaces(&self.resource));
        let within = |name, namespace| {
            Predicate::object(ObjectFilter {
                resource: Some(&self.resource),
                group: self.group.as_deref(),
                name,
                subresource: None,
                namespace,
            })
        };
        let of = |name| within(name, namespace);
        let Some(name) = self.name.as_deref() else {
            return Predicate::all(vec![of(None), writes()]);
        };
        let collection = Predicate::verbs(["deletecollection"]);
        let mut any = vec![of(Some(name)), Predicate::all(vec![of(None), collection])];
        if namespace.is_some() {
            // Of which namespace these are isn't told.
            any.push(Predicate::all(vec![within(Some(name), Some("")), writes()]));
        }
        Predicate::any(any)
    }

    /// Whether a request is of an object of this name in no namespace, where one in a namespace is asked for.
    pub(crate) fn lacks_place(&self, object: &ObjectName) -> bool {
        let wanted = Self { namespace: None, ..self.clone() };
        self.name.is_some()
            && self.namespace.is_some()
            && object.namespace.is_empty()
            && !is_namespaces(&object.resource)
            && wanted.has(object)
    }

    /// The name of the object that a request is about; it is in the answer where the apiserver made it. None: no name is
    /// known.
    pub(crate) fn name_of(act: &Act) -> Option<&str> {
        match act.target.name.as_str() {
            "" if act.verb == "create" => {
                act.response.held()?.get("metadata")?.get("name")?.as_str()
            }
            "" => None,
            name => Some(name),
        }
    }

    /// An object of this name that a request may be about.
    pub(crate) fn named(&self, act: &Act, name: &str) -> ObjectName {
        let of = &act.target;
        let itself = is_namespaces(&of.resource);
        ObjectName {
            group: of.api_group.clone(),
            resource: of.resource.clone(),
            namespace: if itself { String::new() } else { of.namespace.clone() },
            name: name.to_owned(),
        }
    }

    /// Whether it is one of these.
    #[must_use]
    pub fn has(&self, object: &ObjectName) -> bool {
        let is = |wanted: &Option<String>, has: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == has)
        };
        self.resource == object.resource
            && is(&self.group, &object.group)
            && is(&self.name, &object.name)
            && (is_namespaces(&self.resource) || is(&self.namespace, &object.namespace))
    }
}

/// Of all objects of a type, reads would be nearly all lines: a comparison needs none.
fn writes() -> Predicate {
    Predicate::verbs(["create", "update", "patch", "delete", "deletecollection"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_predicate::{Event, Truth};

    fn asked(wanted: &WantedObjects, verb: &str, of: &str) -> Truth {
        let line = format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"stage\":\"ResponseComplete\",\"verb\":\"{verb}\",\
             \"objectRef\":{{\"resource\":\"{}\",\"apiVersion\":\"v1\"{}}}}}",
            wanted.resource, of
        );
        wanted.predicate().eval(&Event::parse(line.as_bytes()).unwrap())
    }

    #[test]
    fn requests_that_may_be_about_an_object_are_asked_for() {
        let secrets = WantedObjects {
            resource: "secrets".into(),
            group: None,
            namespace: Some("n".into()),
            name: Some("s".into()),
            namespaced: true,
        };
        let named = ",\"namespace\":\"n\",\"name\":\"s\"";
        for (verb, of, truth) in [
            ("update", named, Truth::True),
            ("get", named, Truth::True),
            ("update", ",\"namespace\":\"n\",\"name\":\"t\"", Truth::False),
            ("update", ",\"namespace\":\"m\",\"name\":\"s\"", Truth::False),
            ("deletecollection", ",\"namespace\":\"n\"", Truth::True),
            ("deletecollection", ",\"namespace\":\"m\"", Truth::False),
            ("list", ",\"namespace\":\"n\"", Truth::False),
            // Of which namespace it is isn't told.
            ("update", ",\"name\":\"s\"", Truth::True),
            ("update", ",\"name\":\"t\"", Truth::False),
            ("watch", ",\"name\":\"s\"", Truth::False),
            // The apiserver may have made the name, and the level leaves it out.
            ("create", ",\"namespace\":\"n\"", Truth::Unknown),
        ] {
            assert_eq!(asked(&secrets, verb, of), truth, "{verb} {of}");
        }
        let all = WantedObjects { name: None, ..secrets };
        assert_eq!(asked(&all, "update", named), Truth::True);
        assert_eq!(asked(&all, "get", named), Truth::False);
        let spaces = WantedObjects { resource: "namespaces".into(), name: Some("n".into()), ..all };
        assert_eq!(asked(&spaces, "update", ",\"namespace\":\"n\",\"name\":\"n\""), Truth::True);
        assert_eq!(
            asked(&WantedObjects { namespace: None, ..spaces }, "update", ",\"name\":\"n\""),
            Truth::True
        );
    }
}
