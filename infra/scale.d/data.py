"""Data: how long it takes to make a catalogue in Postgres, by the generator and from CSV files, and in how much memory; and
whether its rows are as many as those of the catalogue that was inherited."""
import shutil

from world import run_measured

LIMIT = 3600  # seconds
WHOLE = 1_000_011
DATASET = {"products": WHOLE, "features": 2_219_279, "styles": 1_958_102, "photos": 5_655_656, "skus": 11_323_917,
           "related_products": 4_508_263}  # rows of the inherited catalogue


def load(world):
    """Replaces the catalogue. Not a part of its own: every other one needs it."""
    words = world.stack.load_words(world.products, world.seed)
    figures = run_measured("generate --load", words, world.folder / "load.log", LIMIT)
    world.settle()
    return figures


def count_rows(world):
    with world.connection() as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in DATASET}


def deviation(rows, products):
    """By how much the number of rows of one table is off at the most, as a share of what this many products should have."""
    shares = [rows[table] / (whole * products / WHOLE) for table, whole in DATASET.items()]
    return round(max(abs(share - 1) for share in shares), 4)


def import_files(world):
    """Through files: generated, then imported; both as run_measured has them, and the files' size."""
    files = world.folder / "csv"
    files.mkdir()
    try:
        words = [world.stack.catalogue, "generate", "--products", world.products, "--seed", world.seed, "--csv", files]
        made = run_measured("generate --csv", words, world.folder / "csv.log", LIMIT)
        size = sum(file.stat().st_size for file in files.iterdir())
        words = [world.stack.catalogue, "import", files, "--rejects", world.folder / "rejected.csv",
                 "--postgres", world.stack.postgres.conninfo("atelier_owner")]
        taken = run_measured("import", words, world.folder / "import.log", LIMIT)
    finally:
        shutil.rmtree(files)
    world.settle()
    return made, taken, size


def measure(world):
    rows = count_rows(world)
    made, taken, size = import_files(world)
    after = count_rows(world)
    summary = {"load_s": world.loaded["seconds"], "load_peak_mb": world.loaded["peak_bytes"] / 1e6,
               "csv_s": made["seconds"], "csv_mb": size / 1e6, "import_s": taken["seconds"],
               "import_peak_mb": taken["peak_bytes"] / 1e6, "rows": sum(rows.values()),
               "rows_off": deviation(rows, world.products),
               "rows_lost": sum(abs(rows[table] - after[table]) for table in rows)}
    return {"summary": summary, "rows": rows, "rows_after_import": after}
