//! Windows. Never run.

/// Priorities need calls that are allowed in `av` only: the limit on threads has to do.
pub(crate) fn be_patient() {}
