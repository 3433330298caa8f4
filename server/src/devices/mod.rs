//! What is known of devices: whether whoever manages them finds them in order.
//!
//! A check asks [`Devices::posture`], which answers from memory. What was told is also a note in the store
//! ([`holdfast_store::NoteKind::Device`]), and is read back when the server starts. Nobody has to tell anything: a device
//! of which nothing is known, or nothing any more, is [`Verdict::Unknown`], which a policy may treat as unmanaged.

mod note;
mod table;

pub(crate) use note::Note;
pub(crate) use table::{Devices, Full, Teller, Told, Verdict};
