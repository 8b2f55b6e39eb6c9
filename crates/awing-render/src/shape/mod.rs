//! One person: the build of the head, what the face does, how head and body are turned.

mod expression;
mod person;
mod pose;

pub(super) use expression::Expression;
pub(super) use person::Person;
pub(super) use pose::Bearing;
pub use pose::HeadPose;
