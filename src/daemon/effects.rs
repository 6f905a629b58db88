//! Effects that take time, carried out by a driver; and a driver that panics instead of answering.

use std::time::Duration;

use crate::drivers::Driver;
use crate::fleet::simulated::claimed;
use crate::reconcile::{Effect, Input};

/// How long a cluster is left alone whose driver has panicked.
const AFTER_PANIC: Duration = Duration::from_secs(5);

/// Carries out one effect that takes time.
pub(super) async fn carry_out(driver: &dyn Driver, effect: Effect) -> Input {
    match effect {
        Effect::Observe => Input::Observed(Box::new(driver.observe().await)),
        Effect::Foresee(action) => Input::Foreseen(driver.foresee(&action).await),
        Effect::Claim { expected, wanted } => Input::Claimed(claimed(driver.claim(expected, wanted).await)),
        Effect::Perform(permit) => Input::Performed(driver.perform(permit).await),
        // The others take no time and are not given here; a wake-up makes the loop look anew.
        Effect::Record(_) | Effect::SleepUntil(_) | Effect::Done => Input::Wake,
    }
}

/// A driver's answer.
pub(super) async fn answered(task: tokio::task::JoinHandle<Input>) -> Input {
    match task.await {
        Ok(input) => input,
        Err(_) => no_answer().await,
    }
}

/// A driver that panicked has answered nothing: its loop begins anew with a look, and not at once, for it may well panic
/// again.
pub(super) async fn no_answer() -> Input {
    tokio::time::sleep(AFTER_PANIC).await;
    Input::Wake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_driver_that_panics_has_answered_nothing_and_its_loop_looks_again() {
        let panics = tokio::spawn(async { panic!("a driver's bug") });
        assert!(matches!(answered(panics).await, Input::Wake));
        let answers = tokio::spawn(async { Input::Recorded(Ok(())) });
        assert!(matches!(answered(answers).await, Input::Recorded(Ok(()))));
    }
}
