//! What an index is asked for, in its own words.

use auditseal_index::Lookup;
use auditseal_predicate::Plan;

/// The same question, as far as an index can answer it.
pub(crate) fn lookup(plan: &Plan) -> Lookup {
    let all = |plans: &[Plan]| plans.iter().map(lookup).collect();
    match plan {
        Plan::All => Lookup::Any,
        Plan::None => Lookup::Either(Vec::new()),
        Plan::Any(plans) => Lookup::Either(all(plans)),
        Plan::Every(plans) => Lookup::All(all(plans)),
        Plan::Terms(terms) => Lookup::Term(terms.pattern()),
        Plan::AuditId(id) => Lookup::AuditId(id.clone()),
    }
}
