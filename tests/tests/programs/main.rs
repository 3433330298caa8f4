//! The real programs: started, stopped, killed, attacked, and asked by clients that nobody here wrote.

mod attacks;
mod crash;
mod interop;
mod process;
mod process_life;
mod swtpm;
