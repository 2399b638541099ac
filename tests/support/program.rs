//! The program as a child.
