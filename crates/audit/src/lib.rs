//! A borrowed view of one audit.k8s.io/v1 line
