//! A synthetic population with known truth
