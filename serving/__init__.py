"""The online path: one service that ranks, remembers and degrades. Its paths; a test follows those of a feed.

The path of a request, `POST /v1/feed`, from the door to the log:

    serving.api.hot_routes.HotRoutes.__call__            the door: the method, the type of the body, its size
    serving.access.roles.Access.check                    whether the caller's token is good for this
    serving.page.ladder.Ladder.feed                      an answer whatever happens: after a failure from a lower rung
    serving.page.feed.Feed.page                          all that follows, up to the page
    serving.asker.user_state.UserReader.read             who asks, in one round trip to Redis
    serving.limits.shedding.Shedding.turn                wait for the request's turn, or learn that there is no time
    serving.page.retrieve.candidates                     candidates of all sources, without what may not be shown
    serving.page.scoring.Scoring.ranked                  the candidates ranked, or the reason why not
    serving.model.features.Builder.matrix                features: states decayed to this moment
    serving.model.trees.Trees.score                      scores, by the model of the live release
    serving.page.slate.arranged                          the page: the policy's steps, one after the other
    serving.tokens.Keys.sign                             the token that will prove what was shown
    serving.feedback.impression_rows.ImpressionRows.of   after the answer: a row for each item shown
    serving.feedback.decision_log.DecisionLog.put        the decision log

The path of a case, `POST /v1/decide`, from the door to the log:

    serving.api.hot_routes.HotRoutes.__call__            the door
    serving.deciding.ladder.CaseLadder.answer            an answer whatever happens; the same case gets the same one
    serving.asker.case_state.CaseReader.read             every state that the case names, in one round trip to Redis
    serving.deciding.scoring.CaseScoring.scored          the score, or the reason why not
    serving.model.case_release.CaseBuilder.matrix        features: states decayed to this moment
    serving.model.trees.Trees.score                      the score, by the model of the live release
    serving.deciding.deciding.Deciding.decided           rules, steps, lot and queue: the action
    serving.deciding.slots.Slots.take                    a place in the review queue, where one is needed
    serving.tokens.Keys.sign                             the token that will prove what was decided
    serving.feedback.case_rows.DecisionRows.of           after the answer: its row
    serving.feedback.decision_log.DecisionLog.put        the decision log

The path of an event, `POST /v1/events`, from the door to the states that the next request reads:

    serving.api.hot_routes.HotRoutes.__call__            the door
    serving.access.roles.Access.check                    whether the caller's token is good for this
    serving.feedback.attribution.Attribution.events      what happened, checked against the page's token
    serving.feedback.event_log.EventLog.land             wait until it is on disk: then it is acknowledged
    serving.feedback.landing_log.LandingLog.append       landing: a row of a file that is synced
    serving.feedback.landing_log.LandingLog.close        landing: the file is handed over
    feature_repo.stream.spark_stream.Streaming.take      the stream's process: a micro-batch of landed files
    feature_repo.stream.intake.Intake.take_files         intake: each file once
    validation.batches.triage.sort_out                   intake: accepted, repeated or quarantined, row by row
    feature_repo.stream.counting.Stream.take             states: the event counted for each entity it concerns
    feature_repo.stream.online.bring_online              record: what is due
    feature_repo.records.redis_records.write_records     record: in Redis, and announced there
    serving.items.state_writer.StateWriter.follow        back in the service: what Redis announced
    serving.items.item_states.ItemStates.take            item state: in memory that all workers share

Every night the same landed files are ingested into tables and counted again by the same fold:

    orchestration.ingestion.ingest_days                  tables, and the ledger that balances
    feature_repo.folding.published_states.publish_states states of the whole day
    feature_repo.stores.store.materialise                their newest rows as records
"""
