-- Step 3, contract: the wide column takes the old one's name, in one short transaction. Only when nothing that runs needs the old
-- type: the servers do not (they read quantity::text), writers must have been asked. There is no way back but another change.
\ir soon.sql
CALL pg_temp.soon($ddl$
    DROP TRIGGER fill_quantity_wide ON public.skus;
    DROP FUNCTION public.fill_quantity_wide();
    ALTER TABLE public.skus ALTER quantity_wide SET NOT NULL; -- the valid check proves it: no row is looked at
    ALTER TABLE public.skus DROP COLUMN quantity;             -- its check goes with it
    ALTER TABLE public.skus RENAME quantity_wide TO quantity;
    ALTER TABLE public.skus RENAME CONSTRAINT skus_quantity_wide_check TO skus_quantity_check;
$ddl$);
