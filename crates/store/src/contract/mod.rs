//! The suite that every backend passes: what [`Catalog`](crate::Catalog) and [`Blobs`](crate::Blobs) promise, asked
//! through the traits alone, with a clock that is moved by hand.
//!
//! A backend runs it from a test of its own: `aiv1_store::contract_tests!(open)`, where `open` is an async function in scope
//! that gives an empty [`Backend`].
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test suite reports by panicking")]

pub mod blobs;
pub mod catalog;
pub mod ends;
pub mod fixtures;
pub mod journal;
pub mod legacy;
pub mod links;
pub mod lists;
pub mod rebuilds;
pub mod work;

use crate::{Blobs, Catalog, ManualClock};
use async_trait::async_trait;
use bytes::Bytes;
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

/// An empty store under test.
#[derive(Debug)]
pub struct Backend {
    /// Its catalog.
    pub catalog: Arc<dyn Catalog>,
    /// Its objects.
    pub blobs: Arc<dyn Blobs>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Follows its links.
    pub http: Arc<dyn Http>,
    /// An empty folder for the test's own files.
    pub scratch: PathBuf,
    /// What the server behind the links leaves undone, although the service that it stands for does it.
    pub gaps: &'static [Gap],
    /// Whatever must live as long as the store.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// Something that a server which stands for another in tests leaves undone: asked of every other server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// It does not heed `If-Range`.
    IfRange,
    /// It answers a signed link from which the signature, or the name of its algorithm, was removed.
    Unsigned,
}

/// A request to a link.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET`, `HEAD` or `PUT`.
    pub method: &'static str,
    /// The link.
    pub url: String,
    /// Headers by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// What a link answered.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpAnswer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Follows a backend's links, in the process or over a wire.
#[async_trait]
pub trait Http: std::fmt::Debug + Send + Sync {
    /// Sends a request and reads the whole answer.
    async fn send(&self, request: HttpRequest) -> HttpAnswer;
}

/// Makes one test of each promise, for the backend that `$open` gives.
#[macro_export]
macro_rules! contract_tests {
    ($open:ident) => {
        $crate::contract_tests! { @modules $open;
            catalog {
                a_submission_is_found_again_whatever_its_codec_is_called
                an_idempotency_key_stands_for_one_question_for_a_day
                numbers_count_up_and_the_revision_with_every_change
                cancelling_and_running_again_follow_the_status
                codecs_are_counted_and_learn_what_they_declare
                clips_are_kept_in_order_and_can_be_changed
                the_loop_s_state_is_kept
                what_is_not_there_is_none_or_named
            }
            work {
                the_longest_waiting_is_claimed_first
                eight_workers_at_once_get_every_experiment_exactly_once
                a_lapsed_lease_is_taken_over_and_the_late_result_is_refused
                a_heartbeat_extends_the_lease
                a_worker_lost_too_often_fails_the_experiment
                a_worker_that_claims_again_has_lost_what_it_held
                a_request_that_outlived_its_worker_s_interest_takes_nothing
                claims_of_one_name_at_once_leave_it_with_one_experiment
                cancelled_work_is_lost_to_its_worker
                a_waiting_worker_wakes_when_work_arrives
                nobody_waits_while_there_is_work
                phases_are_those_of_the_latest_attempt
                workers_are_seen_for_a_day
                lapsed_leases_are_taken_back_without_a_claim
            }
            ends {
                a_published_result_is_kept_whole
                the_same_end_again_changes_nothing
                a_failed_record_keeps_its_failure_in_brief
                given_back_work_is_queued_and_nothing_is_counted
                infrastructure_failures_are_retried_up_to_the_bound
                a_record_without_an_end_is_refused
                milestones_improve_on_all_before_them_in_their_arm
                a_rerun_is_one_evaluation
                earlier_bundles_are_remembered_up_to_the_bound
            }
            journal {
                every_action_is_done_and_written_down
                what_is_refused_is_not_written_down
                the_journal_is_read_page_by_page_latest_first
                a_cursor_of_no_journal_is_refused
                what_is_retracted_leaves_every_ranking_and_stays_readable
                what_is_purged_is_gone_but_for_its_question
                the_best_of_the_rest_is_what_the_next_is_measured_by
                to_pause_what_is_paused_is_no_line
                a_stop_says_when
                what_a_model_cost_is_what_its_arm_has_spent
                texts_are_bounded
                actions_at_once_are_all_written_down
            }
            lists {
                counts_are_what_lists_show_after_anything
                pages_are_complete_and_stable_under_every_filter_and_order
                a_cursor_of_another_order_or_none_of_ours_is_refused
                limits_are_held
                the_overview_is_what_its_parts_say
            }
            rebuilds {
                fifty_who_ask_at_once_make_one_job
                a_late_end_changes_nothing
                a_failed_rebuild_is_asked_for_again
                a_rebuild_that_kills_its_consumer_is_given_up
                a_waiting_consumer_wakes_when_a_rebuild_is_asked_for
                a_rebuild_named_by_a_message_is_begun_once_whatever_else_waits
                a_renewed_lease_is_not_taken_over
                a_rebuild_given_back_waits_again_and_is_not_counted
                a_rebuild_lost_by_the_infrastructure_is_tried_again_up_to_the_bound
                lapsed_rebuilds_are_queued_again_without_a_claim
                as_many_rebuilds_wait_as_may_and_no_more
            }
            legacy {
                a_legacy_record_is_kept_once_and_merged_with_what_is_known
                a_legacy_record_that_is_not_there_is_none
                legacy_records_are_listed_latest_first_page_by_page
                a_cursor_of_no_legacy_list_is_refused
                legacy_records_kept_at_once_are_counted_once_and_are_no_experiments
                parts_of_one_legacy_record_kept_at_once_are_all_there
            }
            blobs {
                an_object_is_put_read_downloaded_and_removed
                an_object_too_large_to_read_is_refused
                bytes_that_are_not_the_key_s_are_refused
                an_object_is_replaced_in_one_step
                previews_expire_and_objects_do_not
                an_object_is_written_piece_by_piece_and_its_beginning_last
                an_object_of_any_pieces_is_the_sum_of_them
                an_upload_that_is_not_finished_leaves_nothing
                a_finished_upload_replaces_what_was_there_for_another_week
            }
            links {
                a_link_reads_an_object_and_its_ranges
                a_link_saves_under_a_plain_name
                a_link_changed_in_any_part_or_expired_is_refused
                a_link_to_what_is_absent_or_expired_says_so
                an_upload_link_takes_exactly_what_it_was_made_for
                an_upload_link_is_for_nothing_else
            }
        }
    };
    (@modules $open:ident; $($module:ident { $($name:ident)* })*) => {
        $(mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    $crate::contract::$module::$name(super::$open().await).await;
                }
            )*
        })*
    };
}
