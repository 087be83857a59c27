//! The stranger's checker of the audit log; shares no code with its writer
