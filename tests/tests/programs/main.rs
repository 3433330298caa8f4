//! The real programs: started, stopped, killed, attacked, and asked by clients that nobody here wrote.

mod attacks;
mod backup;
mod command_line;
mod crash;
mod doctor;
mod faulty_gateway;
mod interop;
mod openapi;
mod process;
mod process_life;
mod swtpm;
