//! Scripts of deaths and rules, and what becomes of a recorder.

use super::*;

fn code(word: &str) -> Option<ExitCode> {
    match word {
        "e" => Some(ExitCode::EngineCannotRead),
        "b" => Some(ExitCode::BadConfig),
        "n" => Some(ExitCode::NotWritable),
        _ => None,
    }
}

/// A number: that many seconds pass, asking each half second. `h` heard, `f` it failed, `e` cannot read, `b` bad
/// configuration, `n` disk not writable; `M` measured with too much memory, `m` with little; `c` saved once more, `t` a disk is well again;
/// `h*3` three times. Answers: `R`/`L` started with that engine, `k` to be replaced (and counted as that), `!`
/// unstable, `F` fatal.
fn run(wish: EngineWish, script: &str) -> String {
    let mut now = Mono::ZERO;
    let mut judge = Judge::new(Rules::default(), wish, Engine::Rust, now);
    let mut said = String::new();
    let tell = |news: Option<News>, said: &mut String| match news {
        Some(News::Unstable { .. }) => said.push('!'),
        Some(News::Fatal(_)) => said.push('F'),
        None => {}
    };
    let ask = |judge: &mut Judge, now: Mono, said: &mut String| match judge.due(now) {
        Some(Verdict::Start(Engine::Rust)) => said.push('R'),
        Some(Verdict::Start(Engine::Libav)) => said.push('L'),
        Some(Verdict::Replace(_)) => {
            let news = judge.replace(now);
            if news.is_none() {
                said.push('k');
                judge.stands_in(now);
            }
            tell(news, said);
        }
        None => {}
    };
    ask(&mut judge, now, &mut said);
    for word in script.split_whitespace() {
        match word {
            "h" => judge.heard(now),
            "c" => judge.try_now(now),
            "t" => judge.tier_changed(now),
            "M" => judge.sampled(now, Sample { cpu_percent: 1.0, rss_bytes: 2_000_000_000 }),
            "m" => judge.sampled(now, Sample { cpu_percent: 1.0, rss_bytes: 20_000_000 }),
            word => {
                if let Some(code) = code(word).map(Some).or((word == "f").then_some(None)) {
                    tell(judge.exited(code, now).news, &mut said);
                    continue;
                }
                let halves =
                    Duration::from_secs_f64(word.parse().expect("a number")).as_millis() / 500;
                said.push('.');
                for _ in 0..halves {
                    now = now + Duration::from_millis(500);
                    ask(&mut judge, now, &mut said);
                }
            }
        }
    }
    said
}

#[test]
fn one_death_costs_half_a_second_and_the_next_ones_5_s_and_more() {
    assert_eq!(run(EngineWish::Auto, "f 0.5 f 4.5 0.5 f 9.5 0.5"), "R.R..R..R");
    let ten_minutes = "h 9 ".repeat(67);
    assert_eq!(
        run(EngineWish::Auto, &format!("f 0.5 f 5 {ten_minutes} f 0.5")),
        format!("R.R.R{}.R", ".".repeat(67)),
        "ten quiet minutes forget the past"
    );
}

#[test]
fn six_restarts_in_ten_minutes_pause_it_for_half_an_hour_with_one_alert_and_then_it_is_tried_again()
{
    assert_eq!(run(EngineWish::Auto, "f 1 f 5 f 10 f 20 f 40 f 1799 1 f 1"), "R.R.R.R.R.R!..R.R");
    let for_ever = "f 1800 ".repeat(24);
    let said = run(EngineWish::Auto, &for_ever);
    assert_eq!(said.matches('R').count(), 25, "never latched off: {said}");
}

#[test]
fn silence_is_death() {
    assert_eq!(run(EngineWish::Auto, "h 10 0.5"), "R..k", "no heartbeat for 10 s");
    assert_eq!(run(EngineWish::Auto, "20 0.5"), "R..k", "never heard at all");
}

#[test]
fn a_broken_rule_restarts_it_less_and_less_often_and_then_leaves_it_working() {
    assert_eq!(run(EngineWish::Auto, "h M 0.5 h m 9"), "R.k.", "its successor is well");
    assert_eq!(
        run(EngineWish::Auto, "h M 1 h M 1 h M 4 h M 4 h M 1"),
        "R.k.k..k.",
        "the first again after half a second, then 5 s, then 10 s"
    );
    let minute = "h M 9 ".repeat(20);
    let said = run(EngineWish::Auto, &minute);
    assert_eq!((said.matches('k').count(), said.matches('!').count()), (5, 1), "{said}");
    assert_eq!(said.matches('R').count(), 1, "unstable is no reason to stop it: {said}");
}

#[test]
fn the_other_engine_takes_over_at_once_unless_one_is_forced() {
    assert_eq!(run(EngineWish::Auto, "e 0.5"), "R.L");
    assert_eq!(run(EngineWish::Only(Engine::Rust), "e 0.5"), "R.R");
}

#[test]
fn a_bad_configuration_is_not_tried_again_until_it_changes() {
    assert_eq!(run(EngineWish::Auto, "b 6000"), "RF.");
    assert_eq!(run(EngineWish::Auto, "b 60 c 0.5"), "RF..R");
}

#[test]
fn a_disk_is_tried_again_each_30_s_with_one_alert_and_at_once_when_it_is_said_to_be_well() {
    assert_eq!(run(EngineWish::Auto, "n 29 1 n 30 n 30 n 30 n 30 n 30 n 30"), "RF..R.R.R.R.R.R.R");
    assert_eq!(run(EngineWish::Auto, "n 2 t 0.5"), "RF..R");
    assert_eq!(run(EngineWish::Auto, "b 2 t 9 f 1 f t 4"), "RF...R.", "a disk mends nothing else");
}

#[test]
fn a_hub_that_stood_still_kills_nobody() {
    let mut judge = Judge::new(Rules::default(), EngineWish::Auto, Engine::Rust, Mono::ZERO);
    judge.serves(Engine::Rust, Mono::ZERO);
    let later = Mono::from_millis(60_000);
    judge.excused(later);
    assert_eq!(judge.due(later), None);
}

#[test]
fn a_program_that_is_missing_for_an_hour_is_no_unstable_camera() {
    let mut judge = Judge::new(Rules::default(), EngineWish::Auto, Engine::Rust, Mono::ZERO);
    let mut now = Mono::ZERO;
    for _ in 0..60 {
        assert!(matches!(judge.due(now), Some(Verdict::Start(_))));
        let again = judge.not_started(now);
        assert!(again.since(now) <= Duration::from_secs(60), "tried once a minute at least");
        now = again;
    }
    assert_eq!(judge.restarts(), 0);
}
