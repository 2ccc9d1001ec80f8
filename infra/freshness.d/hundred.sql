-- A hundred rows, and so a hundred changed products, a transaction.
\set first 1 + :client_id * :width + random(0, :width - 100)
\set price random(1, 100000)
UPDATE products SET default_price = :price WHERE id BETWEEN :first AND :first + 99;
