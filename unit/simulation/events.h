/* What can happen in a schedule; each says whether it did: not everything can happen at any time. */
#pragma once
#include "simulation/world.h"

/* ---- writers.c: any transaction, any product ---- */
bool write_begin(void);
bool write_insert(void);
bool write_update(void);
bool write_delete(void);
bool write_truncate(void);
bool write_savepoint(void);
bool write_rollback(void);
bool write_prepare(void);
bool write_commit(void);
bool write_abort(void);
bool write_use_xids(void);
bool write_prune(void);
bool commit_transaction(struct txn *t);

/* ---- faults.c ---- */
bool fault_crash(void);
bool fault_restart(void);
bool fault_mend_postgres(void);
bool fault_back_up(void);
bool fault_restore(void);
bool fault_reset_statistics(void);
bool fault_kill_feed(void);
bool fault_cut_network(void);
bool fault_mend_network(void);
