# shellcheck shell=bash
# What is in the catalogue, by the caller's wish: "csv DIR FINGERPRINT" or "products N". The file `catalogue`
# in the state folder remembers the wish that was loaded; whether it is still there, the database says.

DEFAULT_PRODUCTS=10000

# check_wish: CSV_DIR and PRODUCTS are what the options said, at most one of them.
check_wish() {
    [[ -z $CSV_DIR || -z $PRODUCTS ]] || usage_error "--csv and --products exclude each other"
    [[ -z $PRODUCTS || $PRODUCTS =~ ^[1-9][0-9]{0,7}$ ]] ||
        usage_error "--products is '$PRODUCTS'; a whole number from 1 to 99999999 is accepted"
    [[ -n $CSV_DIR ]] || return 0
    [[ -d $CSV_DIR ]] || die "--csv: there is no folder $CSV_DIR"
    [[ -n $(find "$CSV_DIR/" -maxdepth 1 -name '*.csv' -print -quit) ]] || die "--csv: there is no .csv file in $CSV_DIR"
}

# wish: in one line; a CSV folder with the names, sizes and times of its files, so that a new copy counts as new.
wish() {
    if [[ -n $CSV_DIR ]]; then
        echo "csv $CSV_DIR $(find "$CSV_DIR/" -maxdepth 1 -name '*.csv' -printf '%f %s %T@\n' | sort | sha256sum | cut -c1-16)"
    else
        echo "products ${PRODUCTS:-$DEFAULT_PRODUCTS}"
    fi
}

# has_products: the database has at least one.
has_products() {
    [[ $(query 'SELECT EXISTS (SELECT FROM products)') == t ]]
}

# load_catalogue: what was wished for, unless it is there. Without a wish, whatever is there stays.
load_catalogue() {
    local wanted remembered
    wanted=$(wish)
    remembered=$(cat "$STATE/catalogue" 2>/dev/null) || true
    if has_products && [[ -z $CSV_DIR$PRODUCTS || $remembered == "$wanted" ]]; then
        STEP_NOTE="stays: $(in_words "$remembered")"
        return 0
    fi
    rm -f "$STATE/catalogue"
    run_catalogue
    echo "$wanted" >"$STATE/catalogue"
    STEP_NOTE=$(in_words "$wanted")
    [[ -z $CSV_DIR ]] || STEP_NOTE+=$'\n'$(sed -n -e '/^file /,/^all /p' -e '/^rejected rows, /p' "$STEP_LOG")
}

# run_catalogue: all or nothing. What an import rejects is in rejected.csv in the state folder.
run_catalogue() {
    local conninfo="host=127.0.0.1 port=$POSTGRES_PORT dbname=atelier user=atelier_owner passfile=$STATE/etc/pgpass"
    if [[ -n $CSV_DIR ]]; then
        "$STATE/bin/atelier-catalogue" import "$CSV_DIR" --postgres "$conninfo" --rejects "$STATE/rejected.csv"
    else
        "$STATE/bin/atelier-catalogue" generate --products "${PRODUCTS:-$DEFAULT_PRODUCTS}" --load --postgres "$conninfo"
    fi
}

# in_words WISH
in_words() {
    case $1 in
        products\ *) echo "${1#products } generated products" ;;
        csv\ *) sed 's/^csv \(.*\) [0-9a-f]*$/\1/' <<<"$1" ;;
        *) echo "what somebody else loaded" ;;
    esac
}
