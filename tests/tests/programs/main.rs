//! The real programs: started, stopped, killed, attacked, and asked by clients that nobody here wrote.

mod attacks;
mod backup;
mod command_line;
mod crash;
mod interop;
mod openapi;
mod process;
mod process_life;
mod swtpm;
