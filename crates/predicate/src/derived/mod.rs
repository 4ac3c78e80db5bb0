//! Fields that an event doesn't have, and that follow from those that it has. This is the one place where they do.

mod denied;
mod patch;
mod request;
mod uri;

use crate::event::Event;
use crate::lookup::Found;

/// A derived field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Derived {
    /// Who acted: the impersonated user where there is one, else the authenticated.
    EffectiveUser,
    /// The object's name, also that which the server made.
    ObjectName,
    /// Whether nothing was to be stored.
    DryRun,
    /// What was executed in a pod, decoded.
    ExecCommand,
    /// By what kind of rule a request was denied.
    DeniedBy,
    /// The name of that rule.
    DeniedPolicy,
    /// Policies that it violated without being denied.
    Violated,
    /// How a patch is meant.
    PatchKind,
    /// The request's path, as it was sent.
    UriPath,
    /// The values of a parameter of the request, decoded.
    UriQuery(Box<str>),
}

impl Derived {
    /// What it is of an event.
    pub(crate) fn of<'a>(&self, event: &Event<'a>) -> Found<'a> {
        match self {
            Self::EffectiveUser => request::effective_user(event),
            Self::ObjectName => request::object_name(event),
            Self::DryRun => request::dry_run(event),
            Self::ExecCommand => request::exec_command(event),
            Self::DeniedBy => denied::by(event),
            Self::DeniedPolicy => denied::policy(event),
            Self::Violated => denied::violated(event),
            Self::PatchKind => patch::kind(event),
            Self::UriPath => uri::path(event),
            Self::UriQuery(name) => uri::query(event, name),
        }
    }
}

impl Event<'_> {
    /// The parameters of the request's address, decoded and in their order, as the apiserver takes them; none where the
    /// line doesn't tell the address.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        uri::parameters(self)
    }

    /// Whether nothing was to be stored; `None`: the line doesn't tell, such as of a deletion whose options its level
    /// leaves out.
    #[must_use]
    pub fn is_dry_run(&self) -> Option<bool> {
        match Derived::DryRun.of(self) {
            Found::Value(value) => value.bool(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
