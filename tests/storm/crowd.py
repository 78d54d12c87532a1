"""As many people and sign-ins as one wishes, copied from a real one inside PostgreSQL."""

from .postgres import execute

# Beyond the numbers that Django gives to those who sign in.
FIRST = 1_000_000

LONG_AGO = "now() - interval '3 days' - interval '1 minute' * (n % 60)"
# The rows that pruning deletes, and those that it does not.
IN_USE = {"refreshed": "now() - interval '1 minute' * (n % 40000)"}
NEEDLESS = {
    "rejected": {"account_id": "NULL", "started": LONG_AGO, "refreshed": "NULL"},
    "ended": {"ended": LONG_AGO},
    "unused": {"refreshed": "now() - interval '32 days' - interval '1 minute' * (n % 60)"},
}


def add_people(database, count, like="maria"):
    """Users with an account each, like the one who is called ``like``."""
    number = f"{FIRST} + n"
    name = "'person' || n"
    _copy(database, "auth_user", f"username = '{like}'", count, id=number, username=name)
    _copy(
        database,
        "erpnet_instanceid_account",
        f"sub = '{like}'",
        count,
        id=number,
        user_id=number,
        sub=name,
        key=name,
        fingerprint="encode(sha256(n::text::bytea), 'hex')",
    )


def add_sign_ins(database, count, people, **values):
    """Sign-ins of these people in turn, ``values`` being SQL expressions of the number ``n``."""
    values = {"account_id": f"{FIRST} + 1 + n % {people}", **values}
    _copy(
        database,
        "erpnet_instanceid_signin",
        "account_id IS NOT NULL AND ended IS NULL",
        count,
        id="gen_random_uuid()",
        attempt="md5(random()::text || n)",
        sid="md5(random()::text || n)",
        session_key="md5(random()::text || n)",
        **values,
    )


def add_notices(database, count):
    """Sign-out notices of the last four hours. Those of more than two are needless."""
    execute(
        database,
        "INSERT INTO erpnet_instanceid_notice (jti, named, sub, issued_at, received) "
        "SELECT md5('jti' || n), md5('named' || n), '', 0, "
        f"now() - interval '1 second' * (n % 14400) FROM generate_series(1, {count}) n",
    )


def analyze(database):
    """Tells PostgreSQL's planner how many rows there are, as its autovacuum does in time."""
    execute(database, "VACUUM ANALYZE")


def _copy(database, table, where, count, **values):
    pairs = ", ".join(f"'{name}', {value}" for name, value in values.items())
    execute(
        database,
        f"INSERT INTO {table} SELECT made.* FROM {table} one, generate_series(1, {count}) n, "
        f"LATERAL jsonb_populate_record(one, jsonb_build_object({pairs})) made "
        f"WHERE one.id IN (SELECT id FROM {table} WHERE {where} LIMIT 1)",
    )
