//! One person: the build of the head, what the face does, how head and body are turned.

mod expression;
mod person;
mod turn;

pub(super) use expression::Expression;
pub(super) use person::Person;
pub(super) use turn::Bearing;
pub use turn::HeadTurn;
