//! The conformance suite: what a channel layer must do, as cases that run over any [`ChannelLayer`].
//!
//! An author of a layer implements [`Factory`] and writes one line; each case becomes a test of its own:
//!
//! ```ignore
//! channel_layers::conformance!(memory, Memory, (start_paused = true));
//! ```
//!
//! The last argument goes to `#[tokio::test]`. A layer whose time is tokio's runs under the paused clock, so no case
//! takes real time; a layer with a clock of its own leaves it empty, and the cases wait for real. Where a layer lacks
//! something that it may lack by its [`capabilities`](super::ChannelLayer::capabilities), the case asserts the
//! documented difference instead. No case expects that a message has arrived because its verb has returned.
//!
//! # Where the cases come from
//!
//! Every test of the suites of Django Channels 4.3 and channels_redis 4.3 that concerns a layer's behaviour:
//!
//! | their test | case, or why there is none |
//! |---|---|
//! | `test_send_receive` (all four suites) | [`channels::send_receive`] |
//! | `test_double_receive`, `test_send_receive_sync`, `test_multi_send_receive_sync` | [`channels::local_channels_are_received_by_full_name`], [`channels::other_runtimes_can_send`] |
//! | `test_send_capacity` | [`capacity::full_channel_refuses`] |
//! | `test_send_specific_capacity` | [`capacity::first_pattern_that_matches_counts`] |
//! | `test_process_local_send_receive` | [`channels::fresh_channel_works`] |
//! | `test_multi_send_receive` | [`channels::first_in_first_out`] |
//! | `test_reject_bad_channel`, `test_channel_and_group_name_validation`, `test_group_name_length_error_message`, `test_channel_name_length_error_message` | the types of names do not let a bad one reach a layer; [`channels::bad_prefixes_are_refused`] for the one text that does |
//! | `test_deprecated_valid_channel_name`, `test_deprecated_valid_group_name` | there is no deprecated way |
//! | `test_reject_bad_client_prefix` | every instance of a layer of one process is alone; a layer of several may receive for others |
//! | `test_groups_basic`, `test_groups_multiple_hosts` | [`groups::members_receive_and_others_do_not`] (hosts are the factory's business) |
//! | `test_groups_same_prefix` | [`groups::members_of_one_prefix_all_receive`] |
//! | `test_groups_multiple_hosts_performance` | [`groups::groups_of_any_size`] (how fast is the benchmarks' business) |
//! | `test_groups_channel_full` | [`capacity::group_send_never_reports_full_members`] |
//! | `test_group_send_capacity` | [`capacity::group_messages_beyond_capacity_are_dropped`] |
//! | `test_group_send_capacity_multiple_channels` | [`capacity::a_full_member_costs_the_others_nothing`] |
//! | `test_repeated_group_send_with_async_to_sync`, `test_layer_close` | [`channels::other_runtimes_can_send`]: nothing of a layer belongs to a runtime |
//! | `test_receive_cancel` | [`cancellation::receive_at_every_point`], [`cancellation::receive_cancelled_at_any_time`] |
//! | `test_receive_hang` | [`channels::receive_that_timed_out_leaves_nothing`] |
//! | `test_random_reset__channel_name`, `test_random_reset__client_prefix` | [`channels::fresh_names_are_fresh`] (the generator cannot be seeded) |
//! | `test_message_expiry__earliest_message_expires`, `test_expiry_multi` | [`expiry::old_messages_are_not_delivered`] |
//! | `test_message_expiry__all_messages_under_expiration_time` | [`expiry::young_messages_are_delivered`] |
//! | `test_message_expiry__group_send` | [`expiry::old_group_messages_are_not_delivered`] |
//! | `test_message_expiry__group_send__one_channel_expires_message` | [`expiry::expired_messages_make_room_for_group_messages`] |
//! | `test_expiry_single`, `test_expiry_unread` | [`expiry::expired_messages_are_forgotten`] |
//! | `test_race_empty` | [`channels::a_waiting_receiver_is_served`] |
//! | `test_receive_buffer_respects_capacity` | that buffer drops its oldest message; here every channel refuses the newest: [`capacity::group_messages_beyond_capacity_are_dropped`] |
//! | `test_receive_on_non_owned_general_channel` | [`channels::messages_wait_for_a_receiver`], [`channels::a_waiting_receiver_is_served`] |
//! | `test_discard_before_add` | [`groups::discarding_a_stranger_is_harmless`] |
//! | `test_auto_reconnect`, `test_loop_instance_channel_layer_reference`, `test_multi_event_loop_garbage_collection`, `test_proxied_methods_coroutine_check`, the sentinel suites' connections | how one library connects; a layer with connections tests its own, as those over Redis in `tests/redis_hosts.rs`, `tests/redis_faults` and, beside Python on the same hosts, `tests/redis_django/hosts.rs` |
//! | `test_default_group_key_format`, `test_custom_group_key_format`, `test_serialize`, `test_deserialize`, `test_serialization_encrypted`, the registry of serializers, `test_consistent_hash_result` | the format of one server's layer; it tests its own, as those over Redis in `tests/redis_django`: what they and channels_redis leave there is compared byte by byte |
//! | `test_config_error`, `test_config_instance`, `test_override_settings`, `test_backend_import_error_not_hidden` | settings of Django; [`Layers`](super::Layers) has its own tests |
//! | the suites of consumers, routing, sessions, HTTP and the test client | not about layers |
//!
//! And every sentence of the channel layer specification:
//!
//! | sentence | case |
//! |---|---|
//! | messages are maps of these types | [`channels::all_values_arrive`] |
//! | first in, first out; at most once; one reader gets each message | [`channels::first_in_first_out`], [`receivers::each_message_goes_to_one`] |
//! | process-specific channels in order from one process | [`channels::fresh_channel_works`], [`storm::nothing_lost_nothing_twice_in_order`]; they are received by full name, as Django's consumers do, not by the part up to the `!` |
//! | messages expire; the time can be set | [`expiry`] |
//! | messages of 1 MB must work; `MessageTooLarge` | [`channels::a_mebibyte_passes`], [`channels::too_large_is_refused`] |
//! | `ChannelFull` at capacity, which can be set by name | [`capacity`] |
//! | capacity counts on the part up to the `!` | [`capacity::channels_of_one_prefix`], by [`Capabilities::shared_capacity`](super::Capabilities::shared_capacity) |
//! | sending to a group never raises `ChannelFull`, may raise `MessageTooLarge` | [`capacity::group_send_never_reports_full_members`], [`channels::too_large_is_refused`] |
//! | adding twice returns normally; discarding a stranger does nothing | [`groups::adding_twice_delivers_once`], [`groups::discarding_a_stranger_is_harmless`] |
//! | membership lasts `group_expiry` after the last `group_add`, and that is readable | [`expiry::memberships_end`], [`expiry::adding_again_renews`], [`lifecycle::capabilities_tell_the_settings`] |
//! | membership ends with its channel's process, not while that lives | [`expiry::a_mailbox_stays_a_member`] (Django's consumers fall out of their groups after a day) |
//! | membership persists at least until a message of the member expires | [`expiry::membership_outlives_expired_messages`] |
//! | `flush` resets to a blank state that is consistently empty | [`lifecycle::flush_empties`] |
//! | sending never blocks | [`capacity::full_channel_refuses`] |
//! | names of at least 100 bytes | Django's own check allows 99 characters, and so do the types here |
//! | busy channels must not overpower quiet ones | [`receivers::a_busy_channel_does_not_hold_up_a_quiet_one`] |
//! | extensions are optional | every layer here has groups and flush |

pub mod cancellation;
pub mod capacity;
pub mod channels;
pub mod expiry;
pub mod groups;
pub mod lifecycle;
pub mod mailboxes;
pub mod peers;
pub mod receivers;
pub mod storm;
mod tools;

use std::future::Future;
use std::time::Duration;

use super::{ChannelLayer, Pattern};

/// Makes layers for the cases.
pub trait Factory: Sync {
    /// The layer under test.
    type Layer: ChannelLayer + Clone;

    /// Makes an empty layer with these settings, which shares nothing with one that was made before.
    fn layer(&self, settings: Settings) -> impl Future<Output = Self::Layer> + Send;

    /// How many names the layer keeps anything for, channels and groups together, if it can tell: the cases compare it
    /// before and after to find leaks.
    fn held(&self, layer: &Self::Layer) -> Option<usize>;

    /// Another instance on the same servers with the same settings, as a second process has it; nothing for a layer
    /// that reaches one process.
    fn peer(&self, layer: &Self::Layer) -> impl Future<Output = Option<Self::Layer>> + Send {
        let _ = layer;
        async { None }
    }

    /// Returns when tasks that ran have come to wait, and what was sent has arrived where it goes. The default lets
    /// other tasks run and, on a layer that reaches several processes, then waits for a message that it sends itself.
    /// That may not be enough where messages travel over several servers.
    fn settle(&self, layer: &Self::Layer) -> impl Future<Output = ()> + Send {
        tools::settle(layer)
    }

    /// How large the storms are: rounds and tasks, in the order of magnitude. Default: 1,000. A layer on a server may
    /// take 50 to be done in seconds.
    fn rounds(&self) -> usize {
        1000
    }
}

/// The settings of a layer that cases depend on; each layer has them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The most messages in a channel.
    pub capacity: usize,
    /// Capacities by pattern, the first that matches counts.
    pub channel_capacity: Vec<(Pattern, usize)>,
    /// How long messages last.
    pub expiry: Duration,
    /// How long memberships last.
    pub group_expiry: Duration,
}

/// The defaults of every layer.
impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: 100,
            channel_capacity: Vec::new(),
            expiry: Duration::from_secs(60),
            group_expiry: Duration::from_secs(86_400),
        }
    }
}

/// Makes a module of tests, one for each case of the [conformance suite](crate::layer::conformance): the module's name,
/// the factory, and what `#[tokio::test]` is given, in parentheses.
#[macro_export]
macro_rules! conformance {
    ($module:ident, $factory:expr, $runtime:tt) => {
        mod $module {
            use super::*;

            $crate::__conformance_cases! { $factory; $runtime;
                channels {
                    send_receive first_in_first_out fresh_channel_works a_waiting_receiver_is_served
                    local_channels_are_received_by_full_name other_runtimes_can_send messages_wait_for_a_receiver
                    receive_that_timed_out_leaves_nothing all_values_arrive a_mebibyte_passes too_large_is_refused
                    fresh_names_are_fresh bad_prefixes_are_refused
                }
                receivers {
                    each_message_goes_to_one the_second_waiter_is_served waiting_is_in_turn
                    a_busy_channel_does_not_hold_up_a_quiet_one
                }
                capacity {
                    full_channel_refuses first_pattern_that_matches_counts channels_of_one_prefix
                    group_send_never_reports_full_members group_messages_beyond_capacity_are_dropped
                    a_full_member_costs_the_others_nothing
                }
                expiry {
                    old_messages_are_not_delivered young_messages_are_delivered old_group_messages_are_not_delivered
                    expired_messages_make_room expired_messages_make_room_for_group_messages
                    expired_messages_are_forgotten memberships_end adding_again_renews
                    membership_outlives_expired_messages a_mailbox_stays_a_member
                }
                groups {
                    members_receive_and_others_do_not waiting_members_are_woken members_of_one_prefix_all_receive
                    groups_of_any_size adding_twice_delivers_once discarding_a_stranger_is_harmless
                    unknown_groups_have_no_members a_channel_in_several_groups general_channels_can_be_members
                    order_is_kept order_is_kept_between_ways members_agree_on_the_order
                }
                mailboxes {
                    mailbox_receives mailbox_is_a_stream mailbox_with_a_sink mailbox_drains_in_batches
                    mailbox_polls_move_between_tasks
                    mailbox_gives_up_its_turn mailbox_bounds_count dropped_group_messages_are_told
                    dropping_leaves_groups_and_frees_the_name sending_to_a_dropped_mailbox_is_harmless
                }
                lifecycle {
                    flush_empties flush_keeps_mailboxes_and_receivers close_fails_every_verb close_wakes_receivers
                    capabilities_tell_the_settings events_tell_of_flush_and_end
                }
                peers {
                    what_another_sends_arrives_in_order a_group_spans_instances work_is_done_once
                    members_are_added_by_others others_do_not_receive_for_the_owner
                    another_flush_is_healed closing_one_leaves_the_other
                }
                cancellation {
                    send_at_every_point receive_at_every_point receive_cancelled_at_any_time
                    a_woken_receiver_that_is_cancelled_loses_nothing new_channel_and_mailbox_at_every_point
                    membership_at_every_point group_send_at_every_point flush_and_close_at_every_point
                }
            }
            $crate::__conformance_cases! { $factory; (flavor = "multi_thread", worker_threads = 4);
                storm {
                    nothing_lost_nothing_twice_in_order members_come_and_go groups_end_and_begin everything_at_once
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    ($factory:expr; $runtime:tt; $($topic:ident { $($case:ident)+ })+) => {
        $($(
            #[tokio::test $runtime]
            async fn $case() -> $crate::Result<()> {
                $crate::layer::conformance::$topic::$case(&$factory).await
            }
        )+)+
    };
}
