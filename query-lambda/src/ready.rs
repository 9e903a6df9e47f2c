//! What `/ready` asks, and what the workgroup is asked at the start.

use std::time::SystemTime;

use aws_sdk_athena::types::{ManagedQueryResultsConfiguration, WorkGroupConfiguration};
use entrance::Check;
use environment::Log;

use crate::athena::WorkGroup;
use crate::query::Queries;

/// Keys, table, STS, Athena and standard output, side by side.
pub(crate) async fn checks(queries: &Queries, log: Log, now: SystemTime) -> Vec<Check> {
    let mapping = async {
        let mappings = queries.roles.mappings.as_ref()?;
        Some(Check::new("mapping", mappings.check().await, "the table is readable"))
    };
    // A permission that is missing is a response as well.
    let athena = async { queries.athena.work_group().await.map(|_| ()) };
    let (mut checks, mapping, sts, athena, audit) =
        tokio::join!(Check::keys(&queries.issuers, now), mapping, queries.sts.check(), athena, Check::audit(log),);
    checks.extend(mapping);
    checks.push(Check::new("sts", sts, "STS is reachable"));
    checks.push(Check::new("athena", athena, "Athena is reachable"));
    checks.push(audit);
    checks
}

/// A workgroup that puts results elsewhere than it is told can never serve: whose a query is, only its place says.
///
/// # Errors
/// When the workgroup is one.
pub(crate) async fn check_workgroup(queries: &Queries, log: Log) -> anyhow::Result<()> {
    let name = queries.athena.workgroup();
    let unread = match queries.athena.work_group().await {
        Ok(WorkGroup::Known(configuration)) => {
            return match problem(&configuration) {
                Some(problem) => anyhow::bail!("ATHENA_WORKGROUP: the workgroup `{name}` {problem}"),
                None => Ok(()),
            };
        }
        Ok(WorkGroup::Missing) => anyhow::bail!("ATHENA_WORKGROUP: Athena has no workgroup `{name}`"),
        Ok(WorkGroup::NotReadable) => "the service's role does not allow athena:GetWorkGroup".to_owned(),
        Err(error) => format!("athena:GetWorkGroup failed: {error}"),
    };
    log.warn(format_args!(
        "whether the workgroup `{name}` leaves results where they are put was not checked: {unread}; a query whose result \
         lies elsewhere is stopped"
    ));
    Ok(())
}

fn problem(configuration: &WorkGroupConfiguration) -> Option<&'static str> {
    let is_managed =
        configuration.managed_query_results_configuration().is_some_and(ManagedQueryResultsConfiguration::enabled);
    if is_managed {
        return Some("keeps results itself (managed query results), where their owner cannot be told: switch that off");
    }
    configuration.enforce_work_group_configuration().unwrap_or(false).then_some(
        "overrides the caller's result location (EnforceWorkGroupConfiguration), and each client has a folder of its own: \
         switch that off",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workgroups_that_can_never_serve() {
        let group = WorkGroupConfiguration::builder;
        let managed = |enabled| ManagedQueryResultsConfiguration::builder().enabled(enabled).build();
        assert_eq!(problem(&group().build()), None);
        let fine = group().enforce_work_group_configuration(false).managed_query_results_configuration(managed(false));
        assert_eq!(problem(&fine.build()), None);
        assert!(problem(&group().enforce_work_group_configuration(true).build()).is_some());
        assert!(problem(&group().managed_query_results_configuration(managed(true)).build()).is_some());
    }
}
