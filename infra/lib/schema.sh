# shellcheck shell=bash
# The schema's migrations.

# deploy_schema URI WHO: those that lack; WHO is written into the database as who deployed them, not a person's settings.
# A schema of a later version stays: what was only added suits this one, too (runbook, "Roll back").
deploy_schema() {
    local said
    if said=$(cd "$ROOT/migrations" && TZ=UTC SQITCH_USER_CONFIG=/dev/null SQITCH_FULLNAME=$2 SQITCH_EMAIL=$2@localhost \
        sqitch deploy --target "$1" 2>&1); then
        echo "$said"
    elif [[ $said == *"Cannot find change"*"in sqitch.plan"* ]]; then
        # shellcheck disable=SC2034  # step shows it
        STEP_NOTE="that of a later version stays"
        echo "the schema is of a later version, and stays"
    else
        echo "$said" >&2
        return 1
    fi
}
