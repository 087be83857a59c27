//! Identifiers in, persons out: blocking, comparison, model, assignment, explanation
