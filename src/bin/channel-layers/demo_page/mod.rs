//! The chat page of `serve --demo`, where it was built in.

#[cfg(feature = "demo")]
mod embedded;
#[cfg(not(feature = "demo"))]
mod missing;

#[cfg(feature = "demo")]
pub(crate) use embedded::router;
#[cfg(not(feature = "demo"))]
pub(crate) use missing::router;
