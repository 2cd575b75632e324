//! `make test-camera`, the part inside the virtual machine: the V4L2 source against Linux's own driver of USB cameras.
//!
//! Each check says PASS or FAIL in a line of its own; whoever started the machine has the list, and misses none of
//! them (`tests/camera-vm/run.py`). The programs are found by their names: there it is the release that is tested.
#![cfg(target_os = "linux")]

mod driver;
#[expect(dead_code, reason = "other tests need more of it")]
mod harness;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

use driver::{asking, clock, pictures, plugging, refusals, trouble};

/// Functions with their names.
macro_rules! checks {
    ($($check:path),* $(,)?) => { [$((stringify!($check), $check as fn())),*] };
}

fn main() -> ExitCode {
    let checks = checks![
        pictures::every_picture_arrives_as_the_camera_sent_it,
        pictures::size_and_rate_that_the_driver_changed_are_told_and_taken,
        pictures::a_name_that_is_cut_inside_a_character_does_no_harm,
        trouble::a_truncated_picture_is_counted_as_invalid,
        trouble::a_picture_with_the_error_flag_is_counted_as_dropped_by_the_driver,
        trouble::a_picture_with_the_error_flag_that_the_driver_hands_over_is_invalid,
        trouble::a_picture_lost_on_the_bus_is_seen_by_the_time,
        trouble::a_short_stall_costs_nothing,
        trouble::a_camera_that_hangs_is_opened_again_until_it_works,
        trouble::a_camera_that_hangs_does_not_hold_up_the_end,
        trouble::a_camera_that_does_not_answer_is_asked_again_until_it_does,
        trouble::a_camera_that_does_not_answer_holds_up_the_end_no_longer_than_the_driver_waits,
        plugging::a_camera_that_is_not_there_is_waited_for,
        plugging::an_unplugged_camera_goes_on_when_it_is_plugged_in_again,
        plugging::a_camera_that_comes_back_as_another_device_is_followed_by_its_link,
        plugging::a_busy_camera_is_waited_for,
        refusals::a_camera_without_mjpg_is_refused,
        refusals::a_node_for_metadata_is_refused,
        refusals::a_user_without_permission_is_told_the_group,
        refusals::a_camera_that_is_given_to_the_user_a_moment_later_is_used,
        clock::times_follow_the_clock_that_somebody_sets,
        asking::devices_tells_what_the_camera_can_do,
        asking::a_control_is_set_before_the_first_picture,
        asking::a_control_that_cannot_be_is_refused_with_what_may_be,
        asking::a_hand_from_afar_sets_controls_and_rate_and_lets_go_of_the_camera,
        asking::doctor_finds_the_camera_well,
    ];
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == "--list" {
        for (name, _) in checks {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    }
    let mut all_passed = true;
    for (name, check) in checks {
        if !name.contains(&argument) {
            continue;
        }
        let start = Instant::now();
        let passed = catch_unwind(check).is_ok();
        let verdict = if passed { "PASS" } else { "FAIL" };
        println!("{verdict} {name} ({:.1} s)", start.elapsed().as_secs_f64());
        all_passed &= passed;
    }
    if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
