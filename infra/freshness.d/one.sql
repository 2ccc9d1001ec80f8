-- One row a transaction; each writer has products of its own, so that none waits for another's row.
\set id 1 + :client_id * :width + random(0, :width - 1)
\set price random(1, 100000)
UPDATE products SET default_price = :price WHERE id = :id;
