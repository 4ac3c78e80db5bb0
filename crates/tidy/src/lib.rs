//! The project's own rules, as tests: what ARCHITECTURE.md calls an invariant is checked here.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod supply;
#[cfg(test)]
mod tree;
