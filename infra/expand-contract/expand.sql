-- Step 1, expand: a wider column beside skus.quantity. From here on every write fills both, whoever makes it. Programs that know only
-- the old one, servers and writers, notice nothing. To go back: drop the trigger, its function, the column.
\ir soon.sql
CALL pg_temp.soon($ddl$
    ALTER TABLE public.skus ADD COLUMN quantity_wide bigint;
    -- NOT VALID: holds for what is written from now on; no row is looked at under the lock
    ALTER TABLE public.skus ADD CONSTRAINT skus_quantity_wide_check
        CHECK (quantity_wide IS NOT NULL AND quantity_wide >= 0) NOT VALID;
    CREATE FUNCTION public.fill_quantity_wide() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.quantity_wide := NEW.quantity;
        RETURN NEW;
    END $$;
    CREATE TRIGGER fill_quantity_wide BEFORE INSERT OR UPDATE ON public.skus
        FOR EACH ROW EXECUTE FUNCTION public.fill_quantity_wide();
    ALTER TABLE public.skus ENABLE ALWAYS TRIGGER fill_quantity_wide; -- logical replication writes, too
$ddl$);
