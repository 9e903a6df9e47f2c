//! `query-lambda` in front of the local stack's Athena: real tokens, IAM and Lake Formation that refuse.
//!
//! Few tests, since a stack takes two seconds to start: each part is a function of its own.

/// `scripts/test-query-api`.
mod checks;
/// What the service says of itself.
mod description;
/// One AWS service after the other fails.
mod faults;
/// Behind API Gateway's events.
mod gateway_events;
/// What is written about a query.
mod records;
/// Rows, types and pages.
mod results;
/// Who may run what.
mod rights;
/// Queries that outlive their request.
mod running;
/// Whose session a query runs in.
mod sessions;
/// Where results may go.
mod workgroups;
mod world;

use std::sync::Arc;

use tokio::task::JoinSet;
use world::World;

/// Runs parts side by side, and says of all of them what failed.
macro_rules! side_by_side {
    ($world:expr, $service:expr, $($part:path),+ $(,)?) => {{
        let mut parts = JoinSet::new();
        $({
            let (world, service) = (Arc::clone(&$world), Arc::clone(&$service));
            parts.spawn(async move { $part(&world, &service).await });
        })+
        let mut failed = 0;
        while let Some(part) = parts.join_next().await {
            failed += usize::from(part.is_err());
        }
        assert_eq!(failed, 0, "parts that failed: their panics are above");
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queries_on_the_local_stack() {
    let world = Arc::new(World::start().await);
    let service = Arc::new(world.service(vec![]).await);
    side_by_side!(
        world,
        service,
        results::the_kept_response_is_kept,
        results::objects_have_types_and_nulls,
        results::statements_without_a_header_row_get_one,
        results::no_row_is_lost_or_doubled,
        results::a_page_ends_before_it_is_too_large,
        rights::scopes_decide_the_statement,
        rights::lake_formation_has_a_word_of_its_own,
        rights::tokens_that_are_none,
        rights::requests_that_are_none,
        running::a_long_query_is_asked_about,
        running::a_query_belongs_to_one_client,
        running::a_query_is_stopped,
        running::one_key_is_one_query,
        running::a_caller_that_goes_away_stops_its_query,
        sessions::todays_roles_get_a_name_alone,
        gateway_events::the_same_through_a_lambda,
        checks::the_five_checks_of_a_deployment,
    );
    faults::each_hop_fails_in_its_own_way(&world, &service).await;
    let service = Arc::into_inner(service).expect("all parts are over");
    records::a_line_for_every_query_and_its_text_in_none(&world, service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mapping_items_and_workgroups() {
    let world = Arc::new(World::start().await);
    let service = Arc::new(world.service_with_table().await);
    side_by_side!(
        world,
        service,
        rights::an_item_comes_before_the_variables,
        rights::an_item_gives_no_scope,
        records::an_observed_rule_is_on_record,
        sessions::a_session_shows_whose_it_is,
        description::the_service_does_what_its_description_says,
        workgroups::a_workgroup_that_puts_results_elsewhere_fails_the_start,
        workgroups::a_workgroup_that_cannot_be_read_is_watched,
        workgroups::a_scan_over_the_limit_fails_the_query,
    );
}
