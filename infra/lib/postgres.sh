# shellcheck shell=bash
# The stack's private Postgres: its cluster, its roles and database, the schema.

POSTGRES=/usr/lib/postgresql/15/bin

# Passwords are made once. The replicas' file holds the reader's alone.
write_passwords() {
    local role
    [[ ! -s $STATE/etc/pgpass ]] || return 0
    for role in postgres atelier_owner atelier_reader; do
        echo "127.0.0.1:*:*:$role:$(openssl rand -hex 24)"
    done | put "$STATE/etc/pgpass" 600
    grep ':atelier_reader:' "$STATE/etc/pgpass" | put "$STATE/etc/reader.pgpass" 600
}

password() {
    sed -n "s/^127\.0\.0\.1:\*:\*:$1://p" "$STATE/etc/pgpass"
}

write_postgres() {
    fill "$ROOT/infra/postgres/postgresql.conf.in" STATE "$STATE" POSTGRES_PORT "$POSTGRES_PORT" |
        put "$STATE/etc/postgresql.conf"
    fill "$ROOT/infra/postgres/pg_hba.conf.in" | put "$STATE/etc/pg_hba.conf"
    put "$STATE/etc/pg_ident.conf" </dev/null
}

# make_cluster: aside and then into place, so that a half-made one is never taken for whole.
make_cluster() {
    if [[ -s $STATE/postgres/PG_VERSION ]]; then
        [[ $(<"$STATE/postgres/PG_VERSION") == 15 ]] || die "$(shown "$STATE")/postgres is of Postgres $(<"$STATE/postgres/PG_VERSION"), not 15; infra/down --wipe removes it"
        return 0
    fi
    rm -rf "$STATE/postgres.new" "$STATE/etc/bootstrap.sql" "$STATE/catalogue"
    "$POSTGRES/initdb" -D "$STATE/postgres.new" -U postgres --pwfile=<(password postgres) --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8
    mv "$STATE/postgres.new" "$STATE/postgres"
}

start_postgres() {
    make_cluster
    if is_up postgres && changed "$STATE/etc/postgresql.conf" "$STATE/etc/pg_hba.conf" "$STATE/service/postgres/run"; then
        stop_service postgres
    fi
    start_service postgres
    wait_ready postgres 60
}

# as_role ROLE COMMAND…: with what a Postgres client needs to be ROLE.
as_role() {
    local role=$1
    shift
    PGHOST=127.0.0.1 PGPORT=$POSTGRES_PORT PGUSER=$role PGPASSFILE=$STATE/etc/pgpass PGCONNECT_TIMEOUT=10 "$@"
}

# query SQL: as the owner, the answer's bare text.
query() {
    as_role atelier_owner psql -X -At -v ON_ERROR_STOP=1 -d atelier -c "$1"
}

# make_schema: what an administrator does once, then the migrations.
make_schema() {
    local bootstrap=$ROOT/migrations/bootstrap.sql
    if ! cmp -s "$bootstrap" "$STATE/etc/bootstrap.sql"; then
        ATELIER_OWNER_PASSWORD=$(password atelier_owner) ATELIER_READER_PASSWORD=$(password atelier_reader) \
            as_role postgres psql -X -d postgres -f "$bootstrap"
        cp "$bootstrap" "$STATE/etc/bootstrap.sql"
    fi
    as_role atelier_owner deploy_schema "db:pg://atelier_owner@127.0.0.1:$POSTGRES_PORT/atelier" "$(id -un)"
}
