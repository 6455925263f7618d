//! Nothing happens: what an assessment may say then depends on how far back the logs reach.

use crate::campaigns::{Story, proxylogon};
use crate::scanners::Noise;
use crate::setting::Setting;
use crate::time::Time;

pub(super) const COVERED: Story = Story {
    name: "quiet-covered",
    description: "no attack; logs reach back to before the first known use of ProxyLogon",
    verdict: "no-evidence",
    campaign: None,
    also: None,
    entry: "unknown",
    days: 70,
    bytes_per_day: 175_000,
    setting: || Setting { noise: Noise::Everyday, ..proxylogon::ten_weeks() },
    tell: |_| {},
};

pub(super) const UNCOVERED: Story = Story {
    name: "quiet-uncovered",
    description: "no attack in the logs, which begin four hours before the update",
    verdict: "cannot-tell",
    days: 9,
    bytes_per_day: 430_000,
    setting: || {
        let march = proxylogon::march_2021(4, 6);
        let first = Time::day(2021, 3, 4).at(22, 0, 0);
        Setting { first, noise: Noise::Everyday, older_are_gone: true, ..march }
    },
    ..COVERED
};
