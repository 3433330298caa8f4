//! The audit trail: a chain of events, its proof, and the formats that others read.
