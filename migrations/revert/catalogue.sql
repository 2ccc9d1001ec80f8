-- Revert atelier:catalogue from pg
BEGIN;
DROP TABLE public.products, public.features, public.styles, public.photos, public.skus, public.related_products;
DROP FUNCTION public.fill_product_id();
COMMIT;
