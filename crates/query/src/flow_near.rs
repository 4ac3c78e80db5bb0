//! Flows beside a change of a policy: what the network did meanwhile.

use std::ops::ControlFlow;

use auditseal_flows::Flow;
use auditseal_format::Time;
use auditseal_reader::{Error, Window};

use crate::answer::Answered;
use crate::flow_question::{FlowQuestion, names_policy};
use crate::flows::{FlowAsking, FlowShow, carried};
use crate::hit::Hit;
use crate::range::{Archive, AskedChain};

/// A change of a NetworkPolicy, and how much time around it is looked at.
#[derive(Debug, Clone)]
pub struct PolicyChange {
    /// When it was made.
    pub at: Time,
    /// So many microseconds before it.
    pub before: i64,
    /// So many microseconds behind it.
    pub behind: i64,
    /// The policy's namespace, which is that of its pods.
    pub namespace: String,
    /// The policy's name.
    pub name: String,
}

/// A flow that has a pod of the policy's namespace on one side.
#[derive(Debug, Clone)]
pub struct NearFlow {
    /// Where it is sealed.
    pub hit: Hit,
    /// What it was.
    pub flow: Flow,
    /// Its line names the policy: most lines name none, whatever stopped them.
    pub names_it: bool,
}

/// Finds flows near a change, in the order of time; the first `most` of them, the others are counted in
/// [`Answered::given`]. Lines of which it can't be told are in [`Answered::unknown`].
///
/// # Errors
/// As [`FlowAsking::find`].
pub async fn flows_near(
    archive: &Archive,
    chains: Vec<AskedChain>,
    change: &PolicyChange,
    now: Time,
    most: usize,
) -> Result<(Vec<NearFlow>, Answered), Error> {
    let namespaces = vec![change.namespace.clone()];
    let question = FlowQuestion { namespaces, ..FlowQuestion::default() };
    let since = Some(change.at.saturating_add(change.before.saturating_neg()));
    let window = Window { since, until: Some(change.at.saturating_add(change.behind)) };
    let (show, unknown, cores) = (FlowShow::Carried, false, 0);
    // A part of a chain is looked at, and whoever asks for the change has been told what that rests on.
    let allow_unanchored = true;
    let asking = FlowAsking { question, window, unknown, show, allow_unanchored, now, cores };
    let policy = format!("{}/{}", change.namespace, change.name);
    let mut near = Vec::new();
    let each = |hit: Hit| {
        if near.len() < most
            && let Some(flow) = carried(&hit.shown)
        {
            let names_it = names_policy(&flow, &policy);
            near.push(NearFlow { hit: Hit { shown: Vec::new(), ..hit }, flow, names_it });
        }
        ControlFlow::Continue(())
    };
    let answer = asking.find(archive, chains).await?.run(each, std::future::pending()).await;
    Ok((near, answer))
}
