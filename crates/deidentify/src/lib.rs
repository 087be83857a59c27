//! Permitted linked batches in, the closed schema of the linked record out
