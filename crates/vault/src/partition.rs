//! The partitions of AWS: regions whose servers have names of their own.

/// How regions of a partition begin, and how its servers' names end. What isn't here (the public
/// regions, GovCloud) ends in `amazonaws.com`.
const PARTITIONS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];

/// How the names of a region's servers end.
pub(crate) fn suffix(region: &str) -> &'static str {
    let own = PARTITIONS.iter().find(|(start, _)| region.starts_with(start));
    own.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// Whether a region's servers are named as the public ones are, by which the client finds them.
pub(crate) fn is_usual(region: &str) -> bool {
    suffix(region) == "amazonaws.com"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_names() {
        for (region, expected) in [
            ("eu-north-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("cn-northwest-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("us-iso-east-1", "c2s.ic.gov"),
        ] {
            assert_eq!(suffix(region), expected);
            assert_eq!(is_usual(region), expected == "amazonaws.com");
        }
    }
}
