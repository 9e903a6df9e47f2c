//! What `/ready` asks: can a request for credentials be served now?

use std::time::SystemTime;

use entrance::Check;
use environment::Log;

use crate::vend::Vendor;

/// Keys, table, STS and standard output, side by side.
pub(crate) async fn checks(vendor: &Vendor, log: Log, now: SystemTime) -> Vec<Check> {
    let (mut checks, mapping, sts, audit) = tokio::join!(
        Check::keys(&vendor.issuers, now),
        vendor.role_mappings.check(),
        vendor.sts.check(),
        Check::audit(log),
    );
    checks.push(Check::new("mapping", mapping, "the table is readable"));
    checks.push(Check::new("sts", sts, "STS is reachable"));
    checks.push(audit);
    checks
}
