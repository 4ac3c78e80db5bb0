//! Object stores: put once, read, list
