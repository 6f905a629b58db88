use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::model::Action;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DECLARED: Spread = Spread { median: Duration::from_secs(60), p95: Duration::from_secs(90) };

#[test]
fn nothing_measured_is_what_was_declared() {
    assert_eq!(spread(DECLARED, &[]), DECLARED);
}

#[test]
fn durations_come_back_from_their_logarithms() {
    for milliseconds in [1, 2, 3, 999, 45_000, 60_001, 1_800_000, 86_400_000, u64::from(u32::MAX)] {
        let took = Duration::from_millis(milliseconds);
        let off = took - duration(logarithm(took));
        assert!(off <= took / 1_000_000, "{took:?} is off by {off:?}");
    }
    assert_eq!(logarithm(Duration::ZERO), 0);
    assert_eq!(logarithm(Duration::from_millis(1024)), 10 << DIGITS);
    assert!(logarithm(s(61)) > logarithm(s(60)));
}

#[test]
fn the_first_figures_are_weighed_against_what_was_declared_and_the_third_outvotes_it() {
    let learned = spread(DECLARED, &[s(240)]);
    assert_eq!(learned.median, s(120), "half way, by factors");
    assert!(learned.p95 > s(300), "and nobody knows how wide: {learned:?}");
    let learned = spread(DECLARED, &[s(240), s(250), s(230)]);
    assert_eq!(learned.median, s(240));
    assert!(learned.p95 > s(250) && learned.p95 < s(400), "{learned:?}");
}

#[test]
fn many_figures_are_their_own_percentile_and_old_ones_fade() {
    let learned = spread(DECLARED, &(1..=99).map(s).collect::<Vec<_>>());
    assert_eq!(learned, Spread { median: s(50), p95: s(95) });
    let mut took = vec![s(500); 300];
    took.extend([s(10); KEPT as usize]);
    assert_eq!(spread(DECLARED, &took), Spread { median: s(10), p95: s(10) });
}

#[test]
fn one_freak_moves_nothing_far_whenever_it_comes() {
    for before in [5, 10, 20, 40, 80] {
        let usual: Vec<Duration> = (0..before).map(|n| s(28 + n % 5)).collect();
        let mut freak = usual.clone();
        freak.push(s(86_400));
        let (without, with) = (spread(DECLARED, &usual), spread(DECLARED, &freak));
        assert!(with.p95 < without.p95 * 5 / 4, "{before}: {without:?} became {with:?}");
        assert!(with.median <= without.median + s(1), "{before}: {without:?} became {with:?}");
    }
}

#[test]
fn an_edge_is_never_below_its_middle() {
    let upside_down = Spread { median: s(60), p95: s(10) };
    for took in [vec![s(5)], vec![s(60); 50], vec![Duration::ZERO; 7]] {
        let learned = spread(upside_down, &took);
        assert!(learned.p95 >= learned.median, "{took:?}: {learned:?}");
    }
}

fn sample(kind: ActionKind, group: Option<&str>, way: (&str, Option<&str>), took: Duration) -> Sample {
    let (from, to) = (Some(way.0.into()), way.1.map(NodeName::from));
    Sample { kind, group: group.map(GroupName::from), from, to, took, at: Time::UNIX_EPOCH }
}

#[test]
fn roles_directions_and_nodes_are_told_apart_and_what_is_new_starts_from_what_is_nearest() {
    let handoff = |group, from, to, took| sample(ActionKind::Handoff, Some(group), (from, Some(to)), s(took));
    let mut samples = Vec::new();
    for _ in 0..20 {
        samples.extend([handoff("MBX1", "A", "B", 30), handoff("MBX1", "B", "A", 90), handoff("MBX2", "A", "B", 300)]);
        samples.extend(
            [("A", 600), ("B", 1200)].map(|(node, took)| sample(ActionKind::Install, None, (node, None), s(took))),
        );
    }
    let declared = BTreeMap::from([(ActionKind::Handoff, DECLARED), (ActionKind::Stage, DECLARED)]);
    let forecast = forecast(&declared, &samples);
    let handoff = |group: &str, from: &str, to: &str| {
        let style = crate::model::HandoffStyle::Online;
        forecast.of(&Action::Handoff { group: group.into(), from: from.into(), to: to.into(), style }).median
    };
    assert_eq!(handoff("MBX1", "A", "B"), s(30));
    assert_eq!(handoff("MBX1", "B", "A"), s(90));
    assert_eq!(handoff("MBX2", "A", "B"), s(300));
    let of_group = forecast.by_group[&(ActionKind::Handoff, "MBX1".into())].median;
    assert_eq!(handoff("MBX1", "A", "C"), of_group, "a way never gone is the group's");
    assert_eq!(handoff("MBX3", "A", "B"), forecast.by_kind[&ActionKind::Handoff].median, "a new group is its kind's");
    let install = |node: &str| forecast.on(ActionKind::Install, &node.into()).map(|spread| spread.median);
    assert_eq!((install("A"), install("B")), (Some(s(600)), Some(s(1200))));
    assert_eq!(forecast.by_kind[&ActionKind::Stage], DECLARED, "what was never done is what was declared");
}

#[test]
fn a_figure_counts_once_however_few_there_are() {
    let declared = BTreeMap::from([(ActionKind::Install, DECLARED), (ActionKind::Handoff, DECLARED)]);
    let install = |node, took| sample(ActionKind::Install, None, (node, None), s(took));
    let alone = forecast(&declared, &[install("A", 400)]);
    let on = |forecast: &Forecast, node: &str| forecast.on(ActionKind::Install, &node.into()).unwrap();
    assert_eq!(on(&alone, "A"), spread(DECLARED, &[s(400)]), "the only one there is tells nothing beside itself");
    assert_eq!(on(&alone, "B"), spread(DECLARED, &[s(400)]));
    let both = forecast(&declared, &[install("A", 400), install("B", 70)]);
    assert_eq!(on(&both, "A"), spread(spread(DECLARED, &[s(70)]), &[s(400)]), "what others took, and then its own");
    assert_eq!(both.figures, BTreeMap::from([(ActionKind::Install, 2)]));

    let handoff = |group, to, took| sample(ActionKind::Handoff, Some(group), ("A", Some(to)), s(took));
    let learned = forecast(&declared, &[handoff("MBX1", "B", 400), handoff("MBX1", "C", 70), handoff("MBX2", "B", 90)]);
    let prior = spread(spread(DECLARED, &[s(90)]), &[s(70)]);
    let way = |to: &str| {
        let (group, to) = (Some("MBX1".into()), Some(to.into()));
        learned.by_way[&Way { kind: ActionKind::Handoff, group, from: "A".into(), to }]
    };
    assert_eq!(way("B"), spread(prior, &[s(400)]));
    assert_eq!(
        learned.by_group[&(ActionKind::Handoff, "MBX1".into())],
        spread(spread(DECLARED, &[s(90)]), &[s(400), s(70)])
    );
}

/// Nine minutes are declared, at most sixteen; one install takes two hours.
#[test]
fn few_figures_foresee_no_more_than_twice_the_longest_of_them() {
    let declared = Spread { median: s(9 * 60), p95: s(16 * 60) };
    let samples = [sample(ActionKind::Install, None, ("A", None), s(7200))];
    let learned = forecast(&BTreeMap::from([(ActionKind::Install, declared)]), &samples);
    for node in ["A", "B"] {
        let known = learned.on(ActionKind::Install, &node.into()).unwrap();
        let twice = 2 * s(7200);
        assert!(known.p95 > s(7200) && known.p95 < twice + s(1), "{node}: {known:?}");
    }
    // What was declared to take long may take twice as long as that.
    let long = spread(Spread { median: s(60), p95: s(7200) }, &[s(60)]);
    assert!(long.p95 > s(7200) && long.p95 < 2 * s(7200) + s(1), "{long:?}");
    // Declaring what it takes narrows it again.
    let known = spread(Spread { median: s(7200), p95: s(9000) }, &[s(7200)]);
    assert!(known.p95 < s(10_000), "{known:?}");
}

// === In simulation ===

/// What durations really are, against a declared `60s`, at most `90s`.
#[derive(Clone, Copy, Debug)]
enum Truth {
    /// A bell of factors around this many seconds; of a hundred, 95 are below the second figure.
    Bell(f64, f64),
    /// At least so many seconds, and a tail that takes as long again on average.
    Tail(f64),
    /// One in eight takes five times as long.
    Two(f64),
}

impl Truth {
    fn draw(self, rng: &mut ChaCha8Rng) -> Duration {
        let mut part = || rng.random_range(f64::EPSILON..1.0);
        Duration::from_secs_f64(match self {
            Truth::Bell(median, p95) => {
                let bell = (-2.0 * part().ln()).sqrt() * (std::f64::consts::TAU * part()).cos();
                median * ((p95 / median).ln() / 1.645 * bell).exp()
            }
            Truth::Tail(least) => least - least * part().ln(),
            Truth::Two(usual) => {
                let varied = usual * (0.9 + 0.2 * part());
                if part() < 0.125 { varied * 5.0 } else { varied }
            }
        })
    }
}

/// Off what is declared in every way: shorter, longer, narrower, wider, of other shapes.
const TRUTHS: [Truth; 11] = [
    Truth::Bell(60.0, 90.0),
    Truth::Bell(60.0, 73.0),
    Truth::Bell(60.0, 135.0),
    Truth::Bell(20.0, 24.5),
    Truth::Bell(20.0, 45.0),
    Truth::Bell(180.0, 220.0),
    Truth::Bell(180.0, 270.0),
    Truth::Bell(180.0, 400.0),
    Truth::Bell(600.0, 1200.0),
    Truth::Tail(90.0),
    Truth::Two(50.0),
];

/// After five moves, 90 to 99 of the next hundred are within the 95th percentile: on the average of many such stories,
/// each of other figures, whatever the truth is.
#[test]
fn after_five_moves_the_range_holds_90_to_99_of_the_next_100() {
    const STORIES: u32 = 400;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for truth in TRUTHS {
        let mut within = 0;
        for _ in 0..STORIES {
            let moves: Vec<Duration> = (0..5).map(|_| truth.draw(&mut rng)).collect();
            let learned = spread(DECLARED, &moves);
            within += (0..100).filter(|_| truth.draw(&mut rng) <= learned.p95).count();
        }
        let each = within as f64 / f64::from(STORIES);
        println!("{truth:?}: {each:.1} of 100");
        assert!((90.0..=99.0).contains(&each), "{truth:?}: {each:.1} of the next 100 were within");
    }
}

/// Windows that close at the very 95th percentile of what is learned so far, a thousand a story, from the first on. At
/// most 5 % of those that begin, and three standard deviations, end too late.
#[test]
fn of_10_000_windows_as_long_as_the_forecast_at_most_5_percent_are_overrun() {
    const WINDOWS: usize = 1000;
    let mut rng = ChaCha8Rng::seed_from_u64(10_000);
    let stories = TRUTHS.iter().filter(|truth| !matches!(truth, Truth::Bell(60.0, 90.0)));
    let (mut windows, mut overrun) = (0, 0);
    for truth in stories {
        let mut took = Vec::new();
        for _ in 0..WINDOWS {
            let takes = truth.draw(&mut rng);
            windows += 1;
            overrun += usize::from(takes > spread(DECLARED, &took).p95);
            took.push(takes);
        }
    }
    assert_eq!(windows, 10_000);
    let allowed = 0.05 + 3.0 * (0.05 * 0.95 / windows as f64).sqrt();
    let share = overrun as f64 / windows as f64;
    println!("{overrun} of {windows} windows overrun, {:.2} %; allowed {:.2} %", share * 100.0, allowed * 100.0);
    assert!(share <= allowed, "{overrun} of {windows}");
    assert!(share >= 0.03, "a forecast that is never short is none: {overrun} of {windows}");
}
