//! The objection rules and the gates: batches and a register in, admitted batches out
