//! Whose files are read though they have several names: as the command line, the environment or the
//! file of `--environment` says, and says today.

use auditseal_agent::Owners;

use crate::envfile::Variables;

/// The variable that says it.
pub(crate) const OWNERS: &str = "AUDITSEAL_ACCEPT_OWNER";

/// The users that a running agent accepts.
pub(crate) struct Accepting {
    owners: Owners,
    /// They stand on the command line, which counts before any variable and can't change.
    fixed: bool,
    /// Whether the file has ever said it: then one that says it no more accepts nobody.
    in_file: bool,
}

impl Accepting {
    /// `told` is what the command line or the environment said at the start.
    pub(crate) fn new(owners: Owners, told: &[u32]) -> Self {
        let from_environment = std::env::var(OWNERS).ok().and_then(|said| users(&said).ok());
        let fixed = !told.is_empty() && from_environment.is_none_or(|said| said != told);
        Self { owners, fixed, in_file: false }
    }

    /// Whether a variable changes nothing before a restart.
    pub(crate) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// The users that these variables accept; `None` if that is no matter of theirs.
    ///
    /// # Errors
    /// What isn't a list of users.
    pub(crate) fn read(&self, variables: &Variables) -> Result<Option<Vec<u32>>, String> {
        let said = variables.iter().find(|(name, _)| name == OWNERS);
        match said {
            _ if self.fixed => Ok(None),
            Some((_, said)) => users(said).map(Some),
            None => Ok(self.in_file.then(Vec::new)),
        }
    }

    /// Accepts what was read, from the next look on.
    pub(crate) fn set(&mut self, users: Option<Vec<u32>>) {
        if let Some(users) = users {
            self.in_file = true;
            self.owners.replace(&users);
        }
    }
}

fn users(said: &str) -> Result<Vec<u32>, String> {
    let parts = said.split(',').map(str::trim).filter(|part| !part.is_empty());
    let users = parts.map(|part| {
        part.parse()
            .map_err(|_| format!("{OWNERS} is a list of user ids, as 1001,1002: not {part:?}"))
    });
    users.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_numbers_and_taking_it_out_of_the_file_accepts_nobody() {
        let file = |said: &str| vec![(OWNERS.to_owned(), said.to_owned())];
        let mut accepting = Accepting::new(Owners::default(), &[]);
        assert_eq!(accepting.read(&vec![]), Ok(None));
        assert_eq!(accepting.read(&file("7, 8,")), Ok(Some(vec![7, 8])));
        let why = accepting.read(&file("7,root")).unwrap_err();
        assert!(why.contains("\"root\""), "{why}");
        accepting.set(Some(vec![7]));
        assert_eq!(accepting.read(&vec![]), Ok(Some(vec![])));
        // The command line counts.
        let fixed = Accepting::new(Owners::default(), &[9]);
        assert_eq!((fixed.is_fixed(), fixed.read(&file("7"))), (true, Ok(None)));
    }
}
