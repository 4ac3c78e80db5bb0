//! Strategic merge patch, as `k8s.io/apimachinery/pkg/util/strategicpatch` applies it (v0.36.3): lists of Kubernetes' own
//! types are merged by keys, and directives say what a merge can't.

use serde_json::{Map, Value};

use super::fault::{PatchFault, Work};
use super::merge::prune;
use crate::schema::{Rule, Schema};

pub(crate) const PATCH: &str = "$patch";
pub(crate) const RETAIN: &str = "$retainKeys";
pub(crate) const ORDER: &str = "$setElementOrder/";
pub(crate) const DELETE: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch.
///
/// # Errors
/// [`PatchFault`] where the apiserver would refuse it, or it costs too much.
pub(crate) fn apply(
    base: &Value,
    patch: &Value,
    schema: Schema,
    work: &mut Work,
) -> Result<Value, PatchFault> {
    let Value::Object(patch) = work.copy(patch)? else {
        return Err(PatchFault::Form("it is no object"));
    };
    let Value::Object(object) = work.copy(base)? else {
        return Err(PatchFault::Misfit("the object is none".to_owned()));
    };
    let mut merging = Merging { schema, work };
    merging.maps(object, patch, &mut Vec::new()).map(Value::Object)
}

/// Whether a value holds a directive, at any depth.
pub(crate) fn has_directive(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let directive = |name: &String| {
                name == PATCH
                    || name == RETAIN
                    || name.starts_with(ORDER)
                    || name.starts_with(DELETE)
            };
            members.keys().any(directive) || members.values().any(has_directive)
        }
        Value::Array(values) => values.iter().any(has_directive),
        _ => false,
    }
}

type Members = Map<String, Value>;
type Names = Vec<String>;

struct Merging<'a> {
    schema: Schema,
    work: &'a mut Work,
}

impl Merging<'_> {
    fn rule(&self, path: &[String]) -> Option<Rule> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        self.schema.rule(&names)
    }

    fn maps(
        &mut self,
        mut object: Members,
        mut patch: Members,
        path: &mut Names,
    ) -> Result<Members, PatchFault> {
        if let Some(directive) = patch.remove(PATCH) {
            return match directive.as_str() {
                Some("replace") => Ok(patch),
                Some("delete") => Ok(Members::new()),
                _ => Err(PatchFault::Form("$patch is neither replace nor delete")),
            };
        }
        retain(&mut object, &mut patch)?;
        self.ordered(&mut object, &mut patch, path)?;
        let deletes = patch.keys().filter_map(|name| name.strip_prefix(DELETE));
        let added: Members =
            deletes.filter_map(|list| Some((list.to_owned(), patch.get(list)?.clone()))).collect();
        for (name, new) in patch {
            self.work.take(1)?;
            if let Some(list) = name.strip_prefix(DELETE) {
                let both = added.get(list).and_then(Value::as_array);
                let contradicts = |gone: &Value| both.is_some_and(|both| both.contains(gone));
                if new.as_array().is_some_and(|gone| gone.iter().any(contradicts)) {
                    return Err(PatchFault::Odd("it adds and deletes one element of a list"));
                }
                delete_scalars(&mut object, list, &new, self.work)?;
                continue;
            }
            if new.is_null() {
                object.remove(&name);
                continue;
            }
            path.push(name.clone());
            let merged = self.member(object.remove(&name), new, path)?;
            path.pop();
            if let Some(merged) = merged {
                object.insert(name, merged);
            }
        }
        Ok(object)
    }

    /// What becomes of one member; none: it is gone.
    fn member(
        &mut self,
        old: Option<Value>,
        new: Value,
        path: &mut Names,
    ) -> Result<Option<Value>, PatchFault> {
        Ok(match (old, new) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                if self.rule(path) == Some(Rule::Replace) {
                    return Ok(Some(Value::Object(new)));
                }
                Some(Value::Object(self.maps(old, new, path)?))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                Some(Value::Array(self.lists(old, new, path)?))
            }
            (_, mut new) => {
                prune(&mut new);
                without_directives(new)
            }
        })
    }

    fn lists(
        &mut self,
        old: Vec<Value>,
        new: Vec<Value>,
        path: &mut Names,
    ) -> Result<Vec<Value>, PatchFault> {
        match self.rule(path) {
            Some(Rule::ByKey(key)) => {
                let order: Vec<Value> = new.iter().filter(|i| !is_marked(i)).cloned().collect();
                let merged = self.by_key(old, new, key, path)?;
                self.arrange(merged.all, &order, &merged.server, Some(key))
            }
            Some(Rule::Set) => {
                let server = old.clone();
                let mut merged = old;
                merged.extend(new.iter().cloned());
                let merged = distinct(merged, self.work)?;
                self.arrange(merged, &new, &server, None)
            }
            Some(Rule::Replace) | None => Ok(new),
        }
    }

    fn by_key(
        &mut self,
        mut old: Vec<Value>,
        new: Vec<Value>,
        key: &str,
        path: &mut Names,
    ) -> Result<ByKey, PatchFault> {
        if old.iter().chain(&new).any(|item| !item.is_object()) {
            return Err(PatchFault::Misfit("an element that has a key is no object".to_owned()));
        }
        let (special, plain): (Vec<_>, Vec<_>) = new.into_iter().partition(is_marked);
        let mut replace = false;
        for item in special {
            match item.get(PATCH).and_then(Value::as_str) {
                Some("delete") => {
                    let gone = item.get(key).ok_or(PatchFault::Form("an element has no key"))?;
                    self.work.take(old.len())?;
                    old.retain(|item| item.get(key) != Some(gone));
                }
                Some("replace") => replace = true,
                _ => return Err(PatchFault::Form("$patch of an element is unknown")),
            }
        }
        if replace {
            return Ok(ByKey { server: plain.clone(), all: plain });
        }
        let server = old.clone();
        for item in plain {
            let value = item.get(key).ok_or(PatchFault::Form("an element has no key"))?;
            self.work.take(old.len())?;
            match old.iter().position(|old| old.get(key) == Some(value)) {
                Some(at) => {
                    let (Value::Object(into), Value::Object(item)) = (old[at].take(), item) else {
                        return Err(PatchFault::Misfit("an element is no object".to_owned()));
                    };
                    old[at] = Value::Object(self.maps(into, item, path)?);
                }
                None => old.push(item),
            }
        }
        Ok(ByKey { all: old, server })
    }

    /// `$setElementOrder` and the lists that it orders.
    fn ordered(
        &mut self,
        object: &mut Members,
        patch: &mut Members,
        path: &mut Names,
    ) -> Result<(), PatchFault> {
        let orders: Vec<String> = patch.keys().filter(|k| k.starts_with(ORDER)).cloned().collect();
        for name in orders {
            let order = patch.remove(&name);
            let Some(Value::Array(order)) = order else {
                return Err(PatchFault::Form("$setElementOrder is no list"));
            };
            let list = name.strip_prefix(ORDER).unwrap_or_default().to_owned();
            let old = as_list(object.get(&list))?;
            let new = as_list(patch.get(&list))?;
            path.push(list.clone());
            let key = match self.rule(path) {
                Some(Rule::ByKey(key)) => Some(key),
                _ => None,
            };
            self.same_order(new.map_or(&[], Vec::as_slice), &order, key)?;
            let merged = match (old, new) {
                (None, None) => None,
                (Some(old), None) => Some(old.clone()),
                (None, Some(new)) => without_directives(Value::Array(new.clone()))
                    .and_then(|list| list.as_array().cloned()),
                (Some(old), Some(new)) => Some(self.lists(old.clone(), new.clone(), path)?),
            };
            let server = match (old, new, key) {
                (Some(old), Some(new), Some(key)) => self.reused(old.clone(), new, key)?,
                _ => old.cloned().unwrap_or_default(),
            };
            if let Some(merged) = merged {
                let arranged = self.arrange(merged, &order, &server, key)?;
                object.insert(list.clone(), Value::Array(arranged));
                patch.remove(&list);
            }
            path.pop();
        }
        Ok(())
    }

    /// The server's list as the library sees it when it arranges: the same memory was written while elements were
    /// deleted and added, so that of a list that became shorter its end holds what was added.
    fn reused(
        &mut self,
        mut list: Vec<Value>,
        new: &[Value],
        key: &str,
    ) -> Result<Vec<Value>, PatchFault> {
        let (marked, plain): (Vec<_>, Vec<_>) = new.iter().partition(|item| is_marked(item));
        self.work.take(list.len().saturating_mul(new.len()))?;
        let mut used = list.len();
        for gone in marked.iter().filter(|item| item.get(PATCH).is_some_and(|how| how == "delete"))
        {
            while let Some(at) = list[..used].iter().position(|item| is_same(item, gone, Some(key)))
            {
                list[at..used].rotate_left(1);
                used -= 1;
                list[used] = list[used.saturating_sub(1)].clone();
            }
        }
        for item in plain {
            if used < list.len() && !list[..used].iter().any(|old| is_same(old, item, Some(key))) {
                list[used] = item.clone();
                used += 1;
            }
        }
        Ok(list)
    }

    /// What the patch has must stand in the order that it gives.
    fn same_order(
        &mut self,
        new: &[Value],
        order: &[Value],
        key: Option<&str>,
    ) -> Result<(), PatchFault> {
        if new.is_empty() || order.is_empty() {
            return Ok(());
        }
        let mut places = order.iter();
        for item in new.iter().filter(|item| key.is_none() || !is_marked(item)) {
            self.work.take(1)?;
            if !places.any(|place| is_same(place, item, key)) {
                return Err(PatchFault::Form("a list isn't in its $setElementOrder"));
            }
        }
        self.work.take(order.len())
    }

    /// Elements of the patch in `order`, among those that only the server has, which keep theirs.
    fn arrange(
        &mut self,
        merged: Vec<Value>,
        order: &[Value],
        server: &[Value],
        key: Option<&str>,
    ) -> Result<Vec<Value>, PatchFault> {
        self.work.take(merged.len().saturating_mul(order.len() + server.len()))?;
        let place =
            |list: &[Value], item: &Value| list.iter().position(|of| is_same(of, item, key));
        if key.is_some_and(|key| merged.iter().any(|item| item.get(key).is_none())) {
            return Err(PatchFault::Misfit("an element has no key".to_owned()));
        }
        let (mut ours, mut theirs): (Vec<_>, Vec<_>) =
            merged.into_iter().partition(|item| place(order, item).is_some());
        ours.sort_by_key(|item| place(order, item));
        theirs.sort_by_key(|item| place(server, item).unwrap_or(usize::MAX));
        let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
        let mut all = Vec::new();
        while let (Some(own), Some(other)) = (ours.peek(), theirs.peek()) {
            let before = match (place(server, other), place(server, own)) {
                (Some(other), Some(own)) => other < own,
                _ => false,
            };
            all.extend(if before { theirs.next() } else { ours.next() });
        }
        all.extend(ours.chain(theirs));
        Ok(all)
    }
}

/// A list merged by a key.
struct ByKey {
    all: Vec<Value>,
    /// What the server had of it, in its order.
    server: Vec<Value>,
}

fn is_marked(item: &Value) -> bool {
    item.get(PATCH).is_some()
}

fn is_same(one: &Value, other: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => one.get(key).is_some() && one.get(key) == other.get(key),
        None => one == other,
    }
}

fn as_list(value: Option<&Value>) -> Result<Option<&Vec<Value>>, PatchFault> {
    value
        .map(|value| value.as_array().ok_or(PatchFault::Form("what is ordered is no list")))
        .transpose()
}

fn distinct(values: Vec<Value>, work: &mut Work) -> Result<Vec<Value>, PatchFault> {
    let mut found: Vec<Value> = Vec::new();
    for value in values {
        work.take(found.len())?;
        if !found.contains(&value) {
            found.push(value);
        }
    }
    Ok(found)
}

fn retain(object: &mut Members, patch: &mut Members) -> Result<(), PatchFault> {
    let Some(keys) = patch.remove(RETAIN) else { return Ok(()) };
    let Value::Array(keys) = keys else {
        return Err(PatchFault::Form("$retainKeys is no list"));
    };
    let kept = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    let told = |(name, value): (&String, &Value)| {
        value.is_null() || name.starts_with(DELETE) || name.starts_with(ORDER) || kept(name)
    };
    if !patch.iter().all(told) {
        return Err(PatchFault::Form("the patch sets what its $retainKeys leave out"));
    }
    object.retain(|name, _| kept(name));
    Ok(())
}

fn delete_scalars(
    object: &mut Members,
    list: &str,
    gone: &Value,
    work: &mut Work,
) -> Result<(), PatchFault> {
    let gone = gone.as_array().ok_or(PatchFault::Form("$deleteFromPrimitiveList is no list"))?;
    match object.get_mut(list) {
        Some(Value::Array(values)) => {
            work.take(values.len().saturating_mul(gone.len()))?;
            values.retain(|value| !gone.contains(value));
            Ok(())
        }
        Some(_) => Err(PatchFault::Odd("$deleteFromPrimitiveList of what is no list")),
        None => Ok(()),
    }
}

/// A value without what is marked; none: it is marked itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key(PATCH) => None,
        Value::Object(members) => {
            let kept = members.into_iter().filter_map(|(k, v)| Some((k, without_directives(v)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(values) => {
            Some(Value::Array(values.into_iter().filter_map(without_directives).collect()))
        }
        other => Some(other),
    }
}
