//! Why: see reconcile
