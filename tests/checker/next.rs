//! What a controller wants next.

use rollward::drivers::simulator::world::Order;
use rollward::model::{Action, Claim};

/// What it wants next. Between any two of these anything may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// To be woken, and look.
    Wake,
    /// To look once more, before it acts or after it has claimed anew.
    Look { then: Option<Action> },
    /// To claim, to claim anew, or to give up the claim.
    Claim { expected: Option<Claim>, wanted: Option<Claim>, then: Option<Action> },
    /// To act. These are the parts of a permit that the guard gave; the permit itself is used up.
    Act(Order),
    /// Nothing ever: its cluster was released.
    Nothing,
}

impl Next {
    /// What is to be done, if that is decided.
    pub fn action(&self) -> Option<&Action> {
        match self {
            Next::Act(order) => Some(&order.action),
            Next::Look { then } | Next::Claim { then, .. } => then.as_ref(),
            Next::Wake | Next::Nothing => None,
        }
    }

    pub fn action_mut(&mut self) -> Option<&mut Action> {
        match self {
            Next::Act(order) => Some(&mut order.action),
            Next::Look { then } | Next::Claim { then, .. } => then.as_mut(),
            Next::Wake | Next::Nothing => None,
        }
    }
}
