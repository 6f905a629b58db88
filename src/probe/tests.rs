use super::*;
use crate::desired::Asks;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn asked(began: u64, answered: Option<u64>) -> Asked {
    Asked { began: ms(began), answered: answered.map(ms) }
}

#[test]
fn an_outage_lasts_from_the_first_question_in_vain_to_the_next_answer() {
    let all = vec![asked(0, Some(5)), asked(100, None), asked(200, None), asked(300, Some(310)), asked(400, Some(405))];
    let measured = tally(all, ms(500), None);
    assert_eq!(measured, Measured { outage: ms(210), asked: 5, unanswered: 2, amiss: None });
}

#[test]
fn stretches_are_added_up_in_the_order_in_which_things_happened() {
    // They end in another order than they began: one waits for its limit of time while others answer.
    let all = vec![asked(300, Some(305)), asked(100, None), asked(200, Some(201)), asked(0, Some(3)), asked(400, None)];
    assert_eq!(tally(all, ms(1000), None).outage, ms(101) + ms(600));
}

#[test]
fn a_role_that_never_answered_was_asked_the_wrong_way() {
    let measured = tally(vec![asked(0, None), asked(100, None)], ms(200), Some("too long".into()));
    assert_eq!(measured.amiss.as_deref(), Some("it never answered: is the probe right?"));
    assert_eq!(tally(Vec::new(), ms(200), None).amiss, None);
}

fn probe(asks: Asks, every: u64, timeout: u64) -> Probe {
    Probe { asks, every: ms(every), timeout: ms(timeout) }
}

#[tokio::test]
async fn where_no_thread_is_to_be_had_nothing_is_measured_and_nothing_else_happens() {
    let asks = Asks::Tcp { host: "localhost".into(), port: 1 };
    let no_stack_is_as_large = thread::Builder::new().stack_size(1 << 60);
    let error = Measurement::start_on(no_stack_is_as_large, &probe(asks, 100, 100), |_| panic!("it asked"));
    assert!(error.is_err());
}
