//! How long to wait before a chain is asked for its next seal.

use std::time::Duration;

/// The shortest wait.
const SOON: Duration = Duration::from_millis(200);
/// The longest: so late a seal is noticed at most, where nothing came for long.
const LATE: Duration = Duration::from_secs(5);

/// Learns from when seals came. A chain that seals every five seconds is asked three times for each; one that
/// is silent, every five seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pacer {
    /// How long it usually was from one find to the next.
    usual: Option<Duration>,
    /// Since the last find.
    waited: Duration,
}

impl Pacer {
    /// A seal was found: the next one comes about as late as this one came.
    pub fn found(&mut self) {
        let waited = std::mem::take(&mut self.waited);
        self.usual = Some(match self.usual {
            Some(usual) if waited > usual => usual + (waited - usual) / 8,
            Some(usual) => usual - (usual - waited) / 4,
            None => waited,
        });
    }

    /// How long to wait now; it is waited so long.
    pub fn wait(&mut self) -> Duration {
        let usual = self.usual.unwrap_or(SOON);
        let early = usual - usual / 8;
        let wait = match early.checked_sub(self.waited) {
            Some(left) => left,
            None => (self.waited - early) / 4,
        };
        let wait = wait.clamp(SOON, LATE);
        self.waited += wait;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Questions for each seal, and the longest wait between a seal and its find, of a chain that seals so often.
    fn asked(every: Duration) -> (u32, Duration) {
        let (mut pacer, mut now, mut next) = (Pacer::default(), Duration::ZERO, every);
        let (mut asked, mut late) = (0, Duration::ZERO);
        for seal in 0..200 {
            while now < next {
                now += pacer.wait();
                asked += u32::from(seal >= 100);
            }
            pacer.found();
            if seal >= 100 {
                late = late.max(now - next);
            }
            next += every;
        }
        (asked.div_ceil(100), late)
    }

    #[test]
    fn a_chain_is_asked_a_few_times_for_each_seal() {
        for seconds in [1, 5, 10] {
            let (questions, late) = asked(Duration::from_secs(seconds));
            assert!(
                questions <= 12 && late <= Duration::from_secs(1),
                "{seconds}: {questions} {late:?}"
            );
        }
        let (questions, late) = asked(Duration::from_secs(300));
        assert!(questions <= 90 && late <= LATE, "{questions} {late:?}");
    }
}
