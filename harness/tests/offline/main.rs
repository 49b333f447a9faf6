//! Tests that need no VM.

mod vm;
