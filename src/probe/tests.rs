use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

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

/// Takes connections and never answers: how many there are.
fn hanging() -> (Asks, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    thread::spawn(move || {
        let _kept: Vec<_> = listener.incoming().inspect(|_| _ = count.fetch_add(1, SeqCst)).collect();
    });
    (Asks::Http { host: "127.0.0.1".into(), port, path: "/".into() }, taken)
}

#[test]
fn a_role_that_hangs_is_asked_on_and_on_but_not_by_ever_more() {
    let (asks, taken) = hanging();
    let measurement = Measurement::start(&probe(asks, 10, 3200), |_| panic!("it is dropped before")).expect("a thread");
    let until = |count: usize| {
        while taken.load(SeqCst) < count {
            thread::sleep(ms(5));
        }
    };
    until(MANY);
    // Every 10 ms there would be a hundred more by now.
    thread::sleep(ms(1000));
    let after_a_second = taken.load(SeqCst);
    assert!(after_a_second <= MANY + 8, "{after_a_second} were asked");
    until(after_a_second + 2);
    measurement.end().join().expect("it ends");
}

#[test]
fn a_measurement_that_ends_takes_its_commands_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let begun = folder.path().join("begun");
    let (mark, sleeps) = (begun.display(), format!("8{}", std::process::id()));
    // The first one hangs; those after it answer, and the measurement ends but for that one.
    let script = format!("if mkdir {mark} 2>/dev/null; then sleep {sleeps}; fi");
    let asks = Asks::Command(["/bin/sh", "-c", &script].map(str::to_owned).to_vec());
    let measurement =
        Measurement::start(&probe(asks, 100, 10_000), |_| panic!("it is dropped before")).expect("a thread");
    let running = || {
        let all = std::fs::read_dir("/proc").expect("processes").flatten();
        let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| *line == format!("sleep\0{sleeps}\0").into_bytes()).count()
    };
    while running() == 0 {
        thread::sleep(ms(5));
    }
    assert!(!measurement.has_served());
    measurement.served();
    assert!(measurement.has_served());
    thread::sleep(ms(500));
    measurement.end().join().expect("it ends");
    // It has been killed; how soon it is gone is the system's business.
    for _ in 0..100 {
        if running() == 0 {
            return;
        }
        thread::sleep(ms(10));
    }
    panic!("a command has outlived its measurement");
}
