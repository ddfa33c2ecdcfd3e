//! Ratings and comments: what a judgement is on the scale from 1 to 5 ([`scale`]), averages and
//! distributions ([`tally`]), and themes of what people complain about without a model ([`themes`],
//! [`words`]) or in the words of one ([`issues`]).

pub mod issues;
pub mod scale;
pub mod tally;
pub mod themes;
pub mod words;
