//! The fsynced local directory: the commit point
