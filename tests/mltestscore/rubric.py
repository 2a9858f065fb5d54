"""The 28 tests of the ML Test Score (Breck et al. 2017, "The ML Test Score: A Rubric for ML Production Readiness").

Each with what shows it here. A test is worth as much as its weakest evidence.
"""

from dataclasses import dataclass

from tests.mltestscore.evidence import Claim, Evidence, Page, Test


@dataclass(frozen=True, slots=True)
class RubricTest:
    """One of the 28, in the paper's words as far as they fit here."""

    claim: str
    shown_by: tuple[Evidence, ...]


def _tests(*names: str) -> tuple[Evidence, ...]:
    return tuple(Test(f"tests/{name}") for name in names)


RUBRIC: dict[str, tuple[RubricTest, ...]] = {
    "data": (
        RubricTest("Feature expectations are captured in a schema", _tests(
            "validation/batches/test_expectations.py::test_row_rules_refuse_and_batch_limits_are_critical",
            "validation/batches/test_intake.py::test_a_broken_row_is_kept_as_it_came_with_its_reason_and_harms_no_other",
        )),
        RubricTest("All features are beneficial", (Claim("learning"),)),
        RubricTest("No feature's cost is too much", (
            *_tests("training/judging/test_judge.py::test_a_release_that_scores_too_slowly_is_refused_a_baseline_too"),
            Claim("learning"),
        )),
        RubricTest("Features adhere to meta-level requirements", _tests(
            "feature_repo/stores/test_feast_objects.py::test_every_object_says_whose_it_is_and_what_it_means",
            "training/judging/test_judge.py::test_a_feature_of_unknown_origin_is_refused",
            "training/rows/test_labels.py::test_a_context_column_has_a_moment_only_where_it_is_declared_as_logged",
        )),
        RubricTest("The data pipeline has appropriate privacy controls", (
            *_tests("orchestration/test_erasure.py::"
                    "test_a_person_is_nowhere_after_an_erasure_and_another_one_is_where_they_were",
                    "infra/test_address.py::test_no_place_that_knows_it_tells_it",
                    "infra/test_address.py::test_the_service_makes_its_home_for_its_owner_alone"),
            Claim("persons"),
        )),
        RubricTest("New features can be added quickly", _tests(
            "feature_repo/test_grown.py::test_a_column_and_a_field_more_and_a_wider_type_leave_older_days_readable",
            "orchestration/test_second_system.py::test_every_stage_has_its_definitions_in_one_file",
        )),
        RubricTest("All input feature code is tested", _tests(
            "feature_repo/test_request_time.py::test_each_feature_by_hand",
            "feature_repo/folding/test_published_states.py::test_states_are_the_formula_however_events_arrive",
            "training/rows/test_dataset.py::"
            "test_counters_are_those_published_before_the_row_was_shown_decayed_to_it",
        )),
    ),
    "model": (
        RubricTest("Model specs are reviewed and submitted", _tests(
            "orchestration/reproduction/test_release_model.py::"
            "test_code_and_libraries_of_then_are_named_with_the_commit_to_check_out",
            "infra/test_manifest.py::test_a_manifest_needs_the_recipe_and_every_fact",
        )),
        RubricTest("Offline and online metrics correlate", (Claim("offpolicy"),)),
        RubricTest("All hyperparameters have been tuned", (Claim("learning"),)),
        RubricTest("The impact of model staleness is known", (Claim("learning"),)),
        RubricTest("A simpler model is not better", _tests(
            "training/fitting/test_train.py::test_the_simplest_contender_wins_where_it_is_as_good",
            "training/fitting/test_train.py::"
            "test_the_best_single_column_is_a_contender_that_no_definition_can_leave_out",
            "training/judging/test_judge.py::"
            "test_a_model_that_is_not_clearly_better_is_refused_and_gives_way_to_the_baseline",
        )),
        RubricTest("Model quality is sufficient on important data slices", (
            *_tests("validation/gates/test_slices.py::test_one_slice_of_sixteen_that_is_left_behind_is_refused"),
            Claim("comparisons"),
        )),
        RubricTest("The model is tested for considerations of inclusion", (
            *_tests("training/fitting/test_train.py::"
                    "test_every_measure_has_an_interval_and_every_slice_its_figures"),
            Claim("exposure"),
        )),
    ),
    "infrastructure": (
        RubricTest("Training is reproducible", _tests(
            "training/fitting/test_train.py::test_rows_in_any_order_give_the_same_model_to_the_last_byte",
            "orchestration/reproduction/test_release_model.py::"
            "test_the_manifest_and_the_stored_training_set_give_the_same_bytes",
        )),
        RubricTest("Model specs are unit tested", _tests(
            "training/fitting/test_train.py::"
            "test_a_model_of_interactions_beats_all_others_where_only_interactions_tell",
            "training/fitting/test_train.py::test_a_contender_that_names_no_feature_is_refused_with_the_nearest",
            "feature_repo/test_definition.py::test_a_contradiction_is_refused",
        )),
        RubricTest("The ML pipeline is integration tested", _tests(
            "orchestration/test_wheel.py::test_a_ranker_is_trained_proven_and_goes_live",
            "orchestration/test_years_old.py::"
            "test_events_of_years_ago_run_in_their_own_time_to_equal_stores_a_training_set_and_a_feed",
        )),
        RubricTest("Model quality is validated before serving", (
            *_tests("training/registry/test_registry.py::test_promotion_without_a_passing_verdict_is_refused",
                    "validation/gates/test_release_gates.py::test_a_gate_refuses"),
            Claim("leaks"), Claim("perturbation"),
        )),
        RubricTest("The model can be debugged on a single example", _tests(
            "orchestration/reproduction/test_answer.py::test_what_was_served_is_scored_the_same_to_the_last_bit",
            "serving/model/test_scorer.py::test_trees_explain_what_they_score",
        )),
        RubricTest("Models are canaried before serving", _tests(
            "serving/test_service.py::test_a_release_that_scores_otherwise_than_judged_is_refused",
            "serving/test_service.py::test_a_corrupt_release_is_refused_and_the_old_one_answers",
        )),
        RubricTest("Serving models can be rolled back", _tests(
            "serving/test_service.py::test_promotion_and_rollback_are_followed_without_a_failed_request",
            "training/registry/test_registry.py::"
            "test_rolling_back_twice_goes_back_twice_and_then_says_that_there_is_nothing_left",
        )),
    ),
    "monitoring": (
        RubricTest("Dependency changes result in notification", _tests(
            "orchestration/test_years_old.py::"
            "test_a_past_day_that_changes_is_made_again_with_those_after_it_and_dagster_is_told",
            "orchestration/sensors/test_registry.py::"
            "test_a_disagreement_is_told_once_as_an_alert_and_as_a_failed_check",
        )),
        RubricTest("Data invariants hold for inputs", (
            *_tests("orchestration/test_standing.py::"
                    "test_a_refused_batch_closes_the_gate_until_it_is_mended_and_replayed",
                    "monitoring/test_drift.py::"
                    "test_nulls_that_jump_from_2_to_40_percent_are_drift_though_the_known_values_did_not_move"),
            Claim("arrival"),
        )),
        RubricTest("Training and serving are not skewed", (
            *_tests("orchestration/test_watched_as_served.py::"
                    "test_skew_fails_the_check_falls_back_once_and_freezes_training_until_days_without_it",
                    "serving/test_features_served.py::test_served_equals_trained_in_every_bit"),
            Claim("freshness"),
        )),
        RubricTest("Models are not too stale", _tests(
            "monitoring/test_retrain.py::test_drift_that_passes_leads_to_exactly_one_retraining",
            "orchestration/sensors/test_retraining.py::test_confirmed_drift_leads_to_exactly_one_retraining",
        )),
        RubricTest("Models are numerically stable", _tests(
            "feature_repo/folding/test_published_states.py::"
            "test_a_weight_beyond_32_bits_is_not_counted_and_the_event_is",
            "serving/model/test_scorer.py::test_where_loops_fail_or_differ_xgboost_scores_and_it_is_told",
        )),
        RubricTest("Computing performance has not regressed", (
            *_tests("infra/dashboards/test_dashboards.py::test_a_rule_asks_for_what_is_there",
                    "bench/pit/test_pit.py::test_a_bound_that_did_not_hold_is_said_and_ends_with_status_1"),
            Page("point-in-time.md", "make bench-pit"),
        )),
        RubricTest("Prediction quality has not regressed", _tests(
            "monitoring/test_outcomes.py::test_a_release_that_lost_its_skill_is_a_merit_drop",
            "monitoring/test_retrain.py::test_a_merit_drop_retrains_and_rolls_back_once",
        )),
    ),
}  # fmt: skip
