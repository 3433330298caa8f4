//! The trail as a whole: written, broken, and verified.

#[cfg(test)]
mod forged;
#[cfg(test)]
mod ocsf;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod verify;
