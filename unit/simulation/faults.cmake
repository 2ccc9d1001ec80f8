# planted(name source text instead). No semicolons: CMake takes them for lists.
# ---- marks and versions
planted(mark_skipped cache/cache.c "atomic_store_explicit(&slot->mark, s, memory_order_release)" "(void)s")
planted(mark_not_compared cache/publish.c "e->stamp < mark || e->stamp < cache_floor(c)" "e->stamp < cache_floor(c)")
planted(entry_not_compared cache/publish.c "old && e->stamp <= old->stamp ? PUBLISH_OLD : PUBLISH_DONE" "PUBLISH_DONE")
planted(arriving_not_counted cache/cache.c "if (slot->id > 0 && !slot->arriving &&" "if (false &&")
planted(proof_of_the_answer refresh/follow.c "cache_set_proved(r->cache, c->sent_us)" "cache_set_proved(r->cache, clock_us())")
planted(applied_before_marks refresh/follow.c "stamp s = stamp_of(r, &c->snapshot)"
        "stamp s = (apply(r, c), stamp_of(r, &c->snapshot))")
# ---- the log
planted(running_not_read refresh/change_feed.c "i < s->running" "i < 0 * s->running")
planted(limit_ignored refresh/change_feed.c "(size_t)rows > limit + 1" "false")
planted(horizon_ignored refresh/change_feed.c "feed->last.xmin < horizon" "false")
# ---- lives of Postgres
planted(over_read_skipped refresh/change_feed.c "feed->last.xmax > OVER_READ ? feed->last.xmax - OVER_READ : 0"
        "feed->last.xmax")
planted(recent_not_marked refresh/follow.c "cache_each(r->cache, remark_recent, &m)" "(void)m")
planted(life_ignored refresh/settle.c "f->life == r->life" "true")
planted(era_not_counted refresh/follow.c "metric_add(&r->metrics.eras, 1)" "r->era_index--")
planted(timeline_ignored refresh/follow.c "if (other) {" "if (false) {")
planted(less_ignored refresh/follow.c "if (c.less || snapshot_version(&c.snapshot)" "if (UINT32_MAX + snapshot_version(&c.snapshot)")
planted(not_loaded_after_crash refresh/follow.c "if (changed && !first &&" "if (false &&")
# ---- events
planted(told_before_shown refresh/announce.c "return e && (e->stamp >= s ||" "return e && (s ||")
planted(told_of_a_part refresh/announce.c "*at < count && is_shown" "*at == 0 && *at < count && is_shown")
planted(bulk_told_once refresh/announce.c "if (append_reload(r, a->bulk.era, &a->bulk.to, a->bulk.reason, false)) {" "{")
planted(load_not_waited_for refresh/announce.c "return cache_is_complete(r->cache) && (!a->bulk.ids.lacks" "return (!a->bulk.ids.lacks")
planted(new_era_not_told refresh/announce.c "(!head || head->era != r->era.number) && !begun" "!head && !begun")
planted(remarked_not_told refresh/announce.c "id_list_add(&r->announce.bulk.ids, id)" "(void)r, (void)id")
# ---- loading, forgetting, memory
planted(again_dropped refresh/load.c "r->load.todo_count = 0" "if (r->load.under_way > 0) return")
planted(slice_not_waited_for refresh/load.c "r->load.todo_count == 0 && r->load.under_way == 0" "r->load.todo_count == 0")
planted(failed_slice_forgotten refresh/load.c "if (f->refused || !refresher_is_current(r, f)) {"
        "if (!f->ok) {} else if (!refresher_is_current(r, f)) {")
planted(rest_of_slice_forgotten refresh/load.c "todo_add(r, after, f->until)" "(void)after")
planted(absent_in_slice_ignored refresh/load.c "if (!there &&" "if (false &&")
planted(lacks_ignored refresh/load.c "if (r->load.lacks) {" "if (false) {")
planted(forgets_during_slice refresh/refresher.c "bool wait = r->load.under_way > 0 || audit_needs_slots(r) ||" "bool wait =")
planted(failed_fetch_forgotten refresh/supply.c "refresher_want(r, slot, refresher_urgency(slot))" "(void)slot")
planted(leak refresh/load.c "free(listed)" "(void)listed")
