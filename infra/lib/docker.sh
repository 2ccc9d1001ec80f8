# shellcheck shell=bash
# The stack in containers: infra/docker/compose.yaml.

# need_engine: ends the script if no Docker engine answers.
need_engine() {
    command -v docker >/dev/null || die "docker is not installed: a Docker engine of 20.10 or newer is needed, and docker-compose 1.29 or newer"
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 ||
        die "docker-compose is not installed: 1.29 or newer is needed"
    timeout 10 docker info >/dev/null 2>&1 || die "no Docker engine answers; start it, or may $(id -un) not use it?"
}

compose() {
    "$ROOT/infra/docker/compose" "$@"
}

# in_nginx WORDS…: in both NGINX containers, what infra/docker/nginx says.
in_nginx() {
    compose exec -T nginx-http /opt/atelier/infra/docker/nginx "$@" && compose exec -T nginx-stream /opt/atelier/infra/docker/nginx "$@"
}

# healthy SERVICE: its container's health check passes.
healthy() {
    local id
    id=$(compose ps -q "$1") && [[ -n $id && $(docker inspect -f '{{.State.Health.Status}}' "$id") == healthy ]]
}

# ready REPLICA: as NGINX's container sees it; the whole catalogue is in its memory.
ready() {
    compose exec -T nginx-http /opt/atelier/infra/docker/nginx ready "$1" 2>/dev/null </dev/null
}
