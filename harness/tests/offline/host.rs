//! What the harness finds out about this host.
