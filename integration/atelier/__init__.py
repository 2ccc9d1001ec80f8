"""Small classes that drive the real processes: Postgres, the replicas, NGINX, and clients that speak to them."""
